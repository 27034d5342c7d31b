#include "server/engine/models/linear_layer.h"

#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace sliceflow::engine {
namespace {

// Rows are points, so the product with L U is applied from the right, factor by factor: n·d² and never d³. One node of the graph in place
// of its dozen operations, which cost more than their arithmetic in few dimensions.
class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, const at::Tensor& u, const at::Tensor& packed,
                                                const at::Tensor& shift) {
    const at::Tensor upper = packed.triu(1);
    upper.diagonal().copy_(packed.diagonal().exp());
    const at::Tensor half = at::mm(u, upper.t());
    const at::Tensor both = at::addmm(half, half, packed.tril(-1).t());
    context->save_for_backward({u, packed, upper, half});
    return {both.add_(shift), packed.diagonal().sum()};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list by) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor &u = saved[0], &packed = saved[1], &upper = saved[2], &half = saved[3];
    const at::Tensor by_half = at::addmm(by[0], by[0], packed.tril(-1));
    const at::Tensor by_upper = at::mm(by_half.t(), u);
    const at::Tensor by_packed = by_upper.triu(1).add_(at::mm(by[0].t(), half).tril_(-1));
    by_packed.diagonal().copy_(at::addcmul(by[1], by_upper.diagonal(), upper.diagonal()));
    return {at::mm(by_half, upper), by_packed, by[0].sum(0)};
  }
};

}  // namespace

std::vector<at::Tensor> LinearLayer::InitialParameters(at::Generator& /*random*/) const {
  return {at::zeros({dimension_, dimension_}, at::kFloat), at::zeros({dimension_}, at::kFloat)};
}

Pushed LinearLayer::Forward(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const {
  torch::autograd::variable_list pushed = LinearFunction::apply(u, parameters[0], parameters[1]);
  return {.v = std::move(pushed[0]), .log_determinant = std::move(pushed[1])};
}

at::Tensor LinearLayer::Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const {
  const at::Tensor packed = parameters[0].to(at::kDouble);
  const at::Tensor upper = packed.triu(1) + at::diag(packed.diagonal().exp());
  const at::Tensor columns = (v - parameters[1]).to(at::kDouble).t();
  const at::Tensor half = at::linalg_solve_triangular(packed.tril(-1), columns, /*upper=*/false, /*left=*/true, /*unitriangular=*/true);
  return at::linalg_solve_triangular(upper, half, /*upper=*/true).t().to(at::kFloat).contiguous();
}

ScriptPart LinearLayer::Script(absl::Span<const at::Tensor> parameters) const {
  ScriptPart part{.kind = "Linear", .tensors = {{"packed", parameters[0], true}, {"shift", parameters[1], true}}};
  part.source = R"(
def upper(self, packed: Tensor) -> Tensor:
    return torch.triu(packed, 1) + torch.diag(torch.exp(torch.diagonal(packed)))

def push(self, u: Tensor) -> Tuple[Tensor, Tensor]:
    half = torch.matmul(u, self.upper(self.packed).t())
    v = half + torch.matmul(half, torch.tril(self.packed, -1).t()) + self.shift
    return v, torch.diagonal(self.packed).sum()

def pull(self, v: Tensor) -> Tensor:
    packed = self.packed.double()
    columns = (v - self.shift).double().t()
    half = torch.linalg_solve_triangular(torch.tril(packed, -1), columns, upper=False, left=True, unitriangular=True)
    return torch.linalg_solve_triangular(self.upper(packed), half, upper=True).t().float().contiguous()
)";
  return part;
}

}  // namespace sliceflow::engine
