#include "server/engine/functionals/radial_kernel.h"

#include <numbers>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

// square^(exponent/2), cheap for the exponents that occur most.
at::Tensor PowerOfDistance(const at::Tensor& square, double exponent) {
  if (exponent == 0) return at::ones_like(square);
  if (exponent == 2) return square;
  if (exponent == 4) return square.square();
  return square.pow(exponent / 2);
}

}  // namespace

RadialKernel::Values PowerLawKernel::Evaluate(const at::Tensor& square, bool with_force) const {
  const at::Tensor attraction = PowerOfDistance(square, attraction_ - 2);
  const at::Tensor repulsion = PowerOfDistance(square, repulsion_ - 2);
  return {.value = (attraction / attraction_ - repulsion / repulsion_).mul_(square),
          .force = with_force ? attraction - repulsion : at::Tensor()};
}

RadialKernel::Values GaussianKernel::Evaluate(const at::Tensor& square, bool with_force) const {
  Values w{.value = square.mul(-0.5 * inverse_variance_).exp_(), .force = {}};
  if (with_force) w.force = w.value * -inverse_variance_;
  return w;
}

RadialKernel::Values MorseKernel::Evaluate(const at::Tensor& square, bool with_force) const {
  const at::Tensor distance = square.sqrt();
  const at::Tensor repulsion = distance.div(-spec_.repulsion_length).exp_().mul_(spec_.repulsion);
  const at::Tensor attraction = distance.div(-spec_.attraction_length).exp_().mul_(spec_.attraction);
  Values w{.value = repulsion - attraction, .force = {}};
  if (with_force) w.force = (attraction / spec_.attraction_length - repulsion / spec_.repulsion_length).div_(distance);
  return w;
}

RadialKernel::Values KellerSegelKernel::Evaluate(const at::Tensor& square, bool with_force) const {
  const at::Tensor softened = square + softening_ * softening_;
  return {.value = softened.log().mul_(chi_ / (4 * std::numbers::pi)),
          .force = with_force ? softened.reciprocal().mul_(chi_ / (2 * std::numbers::pi)) : at::Tensor()};
}

RadialKernel::Values EnergyDistanceKernel::Evaluate(const at::Tensor& square, bool with_force) const {
  Values w{.value = square.sqrt().neg_(), .force = {}};
  if (with_force) w.force = w.value.reciprocal();
  return w;
}

RadialKernel::Values InverseMultiquadricKernel::Evaluate(const at::Tensor& square, bool with_force) const {
  const at::Tensor inflated = square.mul(inverse_square_).add_(1);
  Values w{.value = inflated.rsqrt(), .force = {}};
  if (with_force) w.force = (w.value / inflated).mul_(-inverse_square_);
  return w;
}

}  // namespace sliceflow::engine
