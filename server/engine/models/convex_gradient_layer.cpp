#include "server/engine/models/convex_gradient_layer.h"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>

#include "absl/strings/substitute.h"

namespace sliceflow::engine {
namespace {

constexpr int kNewtonSteps = 60;
constexpr int kHalvings = 12;
constexpr double kResidual = 1e-9;       // of the largest coordinate
constexpr double kInitialOutput = -3.0;  // softplus of it is .05: the network's share of the map at the start

// Where the tensors of a layer begin among the parameters: L, b and w first, then A and b of the first layer, A, b and W of the others.
constexpr size_t kHead = 3;

size_t FirstTensor(int layer) { return layer == 0 ? kHead : kHead + 2 + 3 * static_cast<size_t>(layer - 1); }

}  // namespace

std::vector<Shape> ConvexGradientLayer::shapes() const {
  std::vector<Shape> shapes = {{dimension_, dimension_}, {dimension_}, {width_}};
  for (int layer = 0; layer < layers_; ++layer) {
    shapes.push_back({width_, dimension_});
    shapes.push_back({width_});
    if (layer > 0) shapes.push_back({width_, width_});
  }
  return shapes;
}

std::vector<at::Tensor> ConvexGradientLayer::InitialParameters(at::Generator& random) const {
  const at::TensorOptions options(at::kFloat);
  std::vector<at::Tensor> parameters = {at::eye(dimension_, options), at::zeros({dimension_}, options),
                                        at::full({width_}, kInitialOutput, options)};
  for (int layer = 0; layer < layers_; ++layer) {
    parameters.push_back(at::randn({width_, dimension_}, random, options) / std::sqrt(static_cast<double>(dimension_)));
    parameters.push_back(at::randn({width_}, random, options));
    if (layer > 0) parameters.push_back(at::randn({width_, width_}, random, options));
  }
  return parameters;
}

ConvexGradientLayer::Derivatives ConvexGradientLayer::At(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const {
  const int64_t n = u.size(0);
  const int64_t d = dimension_;
  std::vector<at::Tensor> slopes;     // s′(a_l), n × width
  std::vector<at::Tensor> jacobians;  // J_lᵀ: d × width for the first layer, which is the same everywhere; then n × d × width
  std::vector<at::Tensor> weights;    // W_l
  at::Tensor z;
  for (int layer = 0; layer < layers_; ++layer) {
    const at::Tensor& input = parameters[FirstTensor(layer)];
    at::Tensor a = at::addmm(parameters[FirstTensor(layer) + 1], u, input.t());
    const at::Tensor turned = input.t().contiguous();
    if (layer == 0) {
      jacobians.push_back(turned);
    } else {
      weights.push_back(at::softplus(parameters[FirstTensor(layer) + 2]) / width_);
      a = a + at::matmul(z, weights.back().t());
      // Turned so that W_l meets the Jacobians of all points in one product, in place of a small one for each.
      const at::Tensor through = (slopes.back().unsqueeze(1) * jacobians.back()).view({n * d, width_});
      jacobians.push_back(at::mm(through, weights.back().t()).view({n, d, width_}) + turned);
    }
    slopes.push_back(at::sigmoid(a));
    if (layer + 1 < layers_) z = at::softplus(a);
  }

  const at::Tensor& root = parameters[0];
  const at::Tensor quadratic = at::matmul(root.t(), root);
  Derivatives at{.gradient = at::addmm(parameters[1], u, quadratic), .hessian = quadratic};
  at::Tensor adjoint = (at::softplus(parameters[2]) / width_).expand({n, width_});  // λ_l
  for (int layer = layers_ - 1; layer >= 0; --layer) {
    const auto index = static_cast<size_t>(layer);
    const at::Tensor& slope = slopes[index];
    const at::Tensor through = adjoint * slope;
    const at::Tensor curvature = through * (1 - slope);
    at.gradient = at.gradient + at::matmul(through, parameters[FirstTensor(layer)]);
    if (layer == 0) {
      // One Jacobian for all points: a single product with its rows' outer squares.
      const at::Tensor& input = parameters[FirstTensor(0)];
      const at::Tensor squares = (input.unsqueeze(2) * input.unsqueeze(1)).view({width_, d * d});
      at.hessian = at.hessian + at::matmul(curvature, squares).view({n, d, d});
      break;
    }
    const at::Tensor& jacobian = jacobians[index];
    at.hessian = at.hessian + at::matmul(curvature.unsqueeze(1) * jacobian, jacobian.transpose(1, 2));
    adjoint = at::matmul(through, weights[index - 1]);
  }
  return at;
}

Pushed ConvexGradientLayer::Forward(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const {
  const Derivatives at = At(parameters, u);
  return {.v = at.gradient, .log_determinant = std::get<1>(at::linalg_slogdet(at.hessian))};
}

at::Tensor ConvexGradientLayer::Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const {
  std::vector<at::Tensor> exact;
  for (const at::Tensor& tensor : parameters) exact.push_back(tensor.to(at::kDouble));
  const at::Tensor target = v.to(at::kDouble);
  const double goal = kResidual * (1 + target.abs().max().item<double>());
  at::Tensor u = target.clone();
  Derivatives at = At(exact, u);
  at::Tensor residual = (target - at.gradient).norm(2, {1});
  for (int step = 0; step < kNewtonSteps && residual.max().item<double>() > goal; ++step) {
    const at::Tensor direction = at::linalg_solve(at.hessian, (target - at.gradient).unsqueeze(2)).squeeze(2);
    // Every point takes the largest of the shares 1, ½, ¼, … of its Newton step that brings it nearer.
    at::Tensor share = at::ones_like(residual);
    for (int halving = 0; halving < kHalvings; ++halving) {
      const at::Tensor next = u + share.unsqueeze(1) * direction;
      Derivatives there = At(exact, next);
      const at::Tensor distance = (target - there.gradient).norm(2, {1});
      const at::Tensor farther = distance > residual;
      if (halving + 1 == kHalvings || !farther.any().item<bool>()) {
        u = next;
        at = std::move(there);
        residual = distance;
        break;
      }
      share = at::where(farther, share * 0.5, share);
    }
  }
  return u.to(at::kFloat);
}

ScriptPart ConvexGradientLayer::Script(absl::Span<const at::Tensor> parameters) const {
  std::vector<at::Tensor> inputs;
  std::vector<at::Tensor> biases;
  std::vector<at::Tensor> inner;
  for (int layer = 0; layer < layers_; ++layer) {
    inputs.push_back(parameters[FirstTensor(layer)]);
    biases.push_back(parameters[FirstTensor(layer) + 1]);
    if (layer > 0) inner.push_back(parameters[FirstTensor(layer) + 2]);
  }
  ScriptPart part{.kind = "ConvexGradient"};
  part.tensors = {{"root", parameters[0], true},
                  {"shift", parameters[1], true},
                  {"raw_output_weight", parameters[2], true},
                  {"input_weight", at::stack(inputs), true},
                  {"bias", at::stack(biases), true},
                  {"raw_inner_weight", inner.empty() ? at::empty({0, width_, width_}) : at::stack(inner), true}};
  part.source = absl::Substitute(R"(
def derivatives(self, u: Tensor) -> Tuple[Tensor, Tensor]:
    inputs = self.input_weight.type_as(u)
    biases = self.bias.type_as(u)
    weights = torch.softplus(self.raw_inner_weight.type_as(u)) / inputs.size(1)
    slopes: List[Tensor] = []
    jacobians: List[Tensor] = []
    z = u
    for layer in range(inputs.size(0)):
        a = torch.linear(u, inputs[layer], biases[layer])
        jacobian = inputs[layer].unsqueeze(0)
        if layer > 0:
            a = a + torch.matmul(z, weights[layer - 1].t())
            jacobian = torch.matmul(weights[layer - 1], slopes[layer - 1].unsqueeze(2) * jacobians[layer - 1]) + jacobian
        slopes.append(torch.sigmoid(a))
        jacobians.append(jacobian)
        z = torch.softplus(a)
    root = self.root.type_as(u)
    quadratic = torch.matmul(root.t(), root)
    gradient = torch.matmul(u, quadratic) + self.shift
    hessian = quadratic.unsqueeze(0)
    adjoint = (torch.softplus(self.raw_output_weight.type_as(u)) / inputs.size(1)).unsqueeze(0)
    for back in range(inputs.size(0)):
        layer = inputs.size(0) - 1 - back
        through = adjoint * slopes[layer]
        curvature = through * (1 - slopes[layer])
        gradient = gradient + torch.matmul(through, inputs[layer])
        hessian = hessian + torch.matmul(jacobians[layer].transpose(1, 2), curvature.unsqueeze(2) * jacobians[layer])
        if layer > 0:
            adjoint = torch.matmul(through, weights[layer - 1])
    return gradient, hessian

def push(self, u: Tensor) -> Tuple[Tensor, Tensor]:
    gradient, hessian = self.derivatives(u)
    return gradient, torch.linalg_slogdet(hessian)[1]

def pull(self, v: Tensor) -> Tensor:
    target = v.double()
    goal = $0 * (1 + torch.max(torch.abs(target)))
    u = target
    gradient, hessian = self.derivatives(u)
    residual = torch.norm(target - gradient, 2, [1])
    for step in range($1):
        if not bool(torch.max(residual) > goal):
            break
        direction = torch.linalg_solve(hessian, (target - gradient).unsqueeze(2)).squeeze(2)
        share = torch.ones_like(residual)
        for halving in range($2):
            there = u + share.unsqueeze(1) * direction
            gradient, hessian = self.derivatives(there)
            distance = torch.norm(target - gradient, 2, [1])
            farther = distance > residual
            if halving + 1 == $2 or not bool(torch.any(farther)):
                u = there
                residual = distance
                break
            share = torch.where(farther, share * 0.5, share)
    return u.float()
)",
                                 ScriptNumber(kResidual), kNewtonSteps, kHalvings);
  return part;
}

}  // namespace sliceflow::engine
