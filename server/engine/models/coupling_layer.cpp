#include "server/engine/models/coupling_layer.h"

#include <cmath>

#include <ATen/ATen.h>

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

CouplingLayer::ScaleShift CouplingLayer::Network(absl::Span<const at::Tensor> parameters, const at::Tensor& kept) const {
  const at::Tensor first = at::tanh(at::addmm(parameters[1], kept, parameters[0].t()));
  const at::Tensor second = at::tanh(at::addmm(parameters[3], first, parameters[2].t()));
  const at::Tensor out = at::addmm(parameters[5], second, parameters[4].t());
  return {at::tanh(out.narrow(1, 0, moved_) / kScaleBound) * kScaleBound, out.narrow(1, moved_, moved_)};
}

Pushed CouplingLayer::Forward(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const {
  const Halves halves = Split(u);
  const ScaleShift map = Network(parameters, halves.kept);
  return {.v = Join(halves.kept, at::addcmul(map.t, halves.moved, map.s.exp())), .log_determinant = map.s.sum(1)};
}

at::Tensor CouplingLayer::Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const {
  const Halves halves = Split(v);
  const ScaleShift map = Network(parameters, halves.kept);
  return Join(halves.kept, (halves.moved - map.t) * (-map.s).exp());
}

}  // namespace sliceflow::engine
