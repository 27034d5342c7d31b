#include "server/engine/models/linear_layer.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

std::vector<at::Tensor> LinearLayer::InitialParameters(at::Generator& /*random*/) const {
  return {at::zeros({dimension_, dimension_}, at::kFloat), at::zeros({dimension_}, at::kFloat)};
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
