#include "server/engine/models/monotone_layer.h"

#include <ATen/ATen.h>

#include "absl/strings/substitute.h"

namespace sliceflow::engine {
namespace {

// Of the inverse: how often its interval may widen, and how often it is then halved.
constexpr int kDoublings = 64;
constexpr int kHalvings = 80;

at::Tensor Slopes(const at::Tensor& raw) { return (at::tanh(raw / MonotoneLayer::kLogSlopeBound) * MonotoneLayer::kLogSlopeBound).exp(); }

}  // namespace

at::Tensor MonotoneLayer::Edges(at::ScalarType type) const {
  const double spacing = 2 * kReach / static_cast<double>(edges_ + 1);
  return (at::arange(edges_, at::TensorOptions(type)) + 1) * spacing - kReach;
}

std::vector<at::Tensor> MonotoneLayer::InitialParameters(at::Generator& /*random*/) const {
  return {at::zeros({edges_ + 1}, at::kFloat), at::zeros({1}, at::kFloat)};
}

Pushed MonotoneLayer::Forward(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const {
  const at::Tensor slopes = Slopes(parameters[0]);
  const at::Tensor base = slopes.narrow(0, 0, 1);
  const at::Tensor increments = slopes.narrow(0, 1, edges_) - slopes.narrow(0, 0, edges_);
  const at::Tensor scaled = (u - Edges(u.scalar_type())) * sharpness();  // n × J
  const at::Tensor bent = at::matmul(at::softplus(scaled), increments.unsqueeze(1)) / sharpness();
  const at::Tensor slope = base + at::matmul(at::sigmoid(scaled), increments);
  return {.v = u * base + bent + parameters[1], .log_determinant = slope.clamp_min(1e-30).log()};
}

at::Tensor MonotoneLayer::Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const {
  const std::vector<at::Tensor> exact = {parameters[0].to(at::kDouble), parameters[1].to(at::kDouble)};
  const at::Tensor target = v.to(at::kDouble);
  at::Tensor low = at::full_like(target, -kReach);
  at::Tensor high = at::full_like(target, kReach);
  for (int i = 0; i < kDoublings; ++i) {
    const at::Tensor low_over = Forward(exact, low).v > target;
    const at::Tensor high_under = Forward(exact, high).v < target;
    if (!low_over.any().item<bool>() && !high_under.any().item<bool>()) break;
    low = at::where(low_over, low * 2, low);
    high = at::where(high_under, high * 2, high);
  }
  for (int i = 0; i < kHalvings; ++i) {
    const at::Tensor middle = 0.5 * (low + high);
    const at::Tensor over = Forward(exact, middle).v > target;
    high = at::where(over, middle, high);
    low = at::where(over, low, middle);
  }
  return (0.5 * (low + high)).to(at::kFloat);
}

ScriptPart MonotoneLayer::Script(absl::Span<const at::Tensor> parameters) const {
  ScriptPart part{.kind = "Monotone", .tensors = {{"raw_slopes", parameters[0], true}, {"shift", parameters[1], true}}};
  part.source = absl::Substitute(R"(
def push(self, u: Tensor) -> Tuple[Tensor, Tensor]:
    slopes = torch.exp(torch.tanh(self.raw_slopes.type_as(u) / $0) * $0)
    increments = slopes[1:] - slopes[:-1]
    edges = (torch.arange($1, dtype=u.dtype) + 1) * $2 - $3
    scaled = (u - edges) * $4
    bent = torch.matmul(torch.softplus(scaled), increments.unsqueeze(1)) / $4
    slope = slopes[0] + torch.matmul(torch.sigmoid(scaled), increments)
    return u * slopes[0] + bent + self.shift, torch.log(torch.clamp_min(slope, 1e-30))

def pull(self, v: Tensor) -> Tensor:
    target = v.double()
    low = torch.full_like(target, -$3)
    high = torch.full_like(target, $3)
    for i in range($5):
        low_over = self.push(low)[0] > target
        high_under = self.push(high)[0] < target
        if not bool(torch.any(torch.logical_or(low_over, high_under))):
            break
        low = torch.where(low_over, low * 2, low)
        high = torch.where(high_under, high * 2, high)
    for i in range($6):
        middle = 0.5 * (low + high)
        over = self.push(middle)[0] > target
        high = torch.where(over, middle, high)
        low = torch.where(over, low, middle)
    return (0.5 * (low + high)).float()
)",
                                 ScriptNumber(kLogSlopeBound), edges_, ScriptNumber(2 * kReach / static_cast<double>(edges_ + 1)),
                                 ScriptNumber(kReach), ScriptNumber(sharpness()), kDoublings, kHalvings);
  return part;
}

}  // namespace sliceflow::engine
