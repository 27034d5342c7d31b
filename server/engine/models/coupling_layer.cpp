#include "server/engine/models/coupling_layer.h"

#include <cmath>
#include <string>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"

namespace sliceflow::engine {

CouplingLayer::CouplingLayer(int64_t dimension, int64_t hidden_width, bool first_kept)
    : kept_(first_kept ? dimension / 2 : dimension - dimension / 2),
      moved_(dimension - kept_),
      hidden_width_(hidden_width),
      first_kept_(first_kept) {}

std::vector<Shape> CouplingLayer::shapes() const {
  return {{hidden_width_, kept_},      {hidden_width_}, {hidden_width_, hidden_width_}, {hidden_width_},
          {2 * moved_, hidden_width_}, {2 * moved_}};
}

// Weights with variance 1/inputs keep the signal's size; spread biases of the first layer place the units across the data, which
// is in units of its standard deviation.
std::vector<at::Tensor> CouplingLayer::InitialParameters(at::Generator& random) const {
  const at::TensorOptions options(at::kFloat);
  return {at::randn({hidden_width_, kept_}, random, options).mul_(1 / std::sqrt(static_cast<double>(kept_))),
          at::randn({hidden_width_}, random, options),
          at::randn({hidden_width_, hidden_width_}, random, options).mul_(1 / std::sqrt(static_cast<double>(hidden_width_))),
          at::zeros({hidden_width_}, options),
          at::zeros({2 * moved_, hidden_width_}, options),
          at::zeros({2 * moved_}, options)};
}

CouplingLayer::Halves CouplingLayer::Split(const at::Tensor& points) const {
  if (first_kept_) return {points.narrow(1, 0, kept_), points.narrow(1, kept_, moved_)};
  return {points.narrow(1, moved_, kept_), points.narrow(1, 0, moved_)};
}

at::Tensor CouplingLayer::Join(const at::Tensor& kept, const at::Tensor& moved) const {
  return first_kept_ ? at::cat({kept, moved}, 1) : at::cat({moved, kept}, 1);
}

// Rare beside the way there, so plain; the network is that of CouplingFlow.
at::Tensor CouplingLayer::Inverse(absl::Span<const at::Tensor> p, const at::Tensor& v) const {
  const Halves halves = Split(v);
  const at::Tensor first = at::tanh(at::addmm(p[1], halves.kept, p[0].t()));
  const at::Tensor second = at::tanh(at::addmm(p[3], first, p[2].t()));
  const at::Tensor out = at::addmm(p[5], second, p[4].t());
  const at::Tensor s = at::tanh(out.narrow(1, 0, moved_) / kScaleBound) * kScaleBound;
  return Join(halves.kept, (halves.moved - out.narrow(1, moved_, moved_)) * (-s).exp());
}

ScriptPart CouplingLayer::Script(absl::Span<const at::Tensor> p) const {
  ScriptPart part{.kind = "Coupling"};
  part.tensors = {{"weight_1", p[0], true}, {"bias_1", p[1], true},   {"weight_2", p[2], true},
                  {"bias_2", p[3], true},   {"weight_3", p[4], true}, {"bias_3", p[5], true}};
  const int64_t first = first_kept_ ? kept_ : moved_;
  const std::string halves[] = {absl::StrCat(":", first), absl::StrCat(first, ":")};
  part.source = absl::Substitute(R"(
def scale_and_shift(self, kept: Tensor) -> Tuple[Tensor, Tensor]:
    hidden = torch.tanh(torch.linear(kept, self.weight_1, self.bias_1))
    hidden = torch.tanh(torch.linear(hidden, self.weight_2, self.bias_2))
    out = torch.linear(hidden, self.weight_3, self.bias_3)
    return $0 * torch.tanh(out[:, :$1] / $0), out[:, $1:]

def push(self, u: Tensor) -> Tuple[Tensor, Tensor]:
    kept = u[:, $2]
    log_scale, shift = self.scale_and_shift(kept)
    moved = u[:, $3] * torch.exp(log_scale) + shift
    return torch.cat([$4], 1), log_scale.sum(1)

def pull(self, v: Tensor) -> Tensor:
    kept = v[:, $2]
    log_scale, shift = self.scale_and_shift(kept)
    moved = (v[:, $3] - shift) * torch.exp(-log_scale)
    return torch.cat([$4], 1)
)",
                                 ScriptNumber(kScaleBound), moved_, halves[first_kept_ ? 0 : 1], halves[first_kept_ ? 1 : 0],
                                 first_kept_ ? "kept, moved" : "moved, kept");
  return part;
}

}  // namespace sliceflow::engine
