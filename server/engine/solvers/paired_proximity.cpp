#include "server/engine/solvers/paired_proximity.h"

#include <cmath>

#include <ATen/ATen.h>

namespace sliceflow::engine {

void PairedProximity::Refresh(at::Generator& /*random*/) {}

// The derivative of the mean of |x − y|² is 2 (x − y)/n.
Penalty PairedProximity::Penalise(const at::Tensor& x, absl::Span<const ProximityTo> from) {
  Penalty penalty{.value = 0, .gradient = at::zeros_like(x)};
  const auto count = static_cast<double>(x.size(0));
  for (const ProximityTo& to : from) {
    const at::Tensor apart = x - to.y;
    penalty.value += to.weight * apart.square().sum().item<double>() / count;
    penalty.gradient.add_(apart, 2 * to.weight / count);
  }
  return penalty;
}

double PairedProximity::Between(const at::Tensor& x, const at::Tensor& y) { return (x - y).square().sum(1).mean().item<double>(); }

Estimate PairedProximity::Evaluate(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor squares = (x - y).square().sum(1).to(at::kDouble);
  Estimate estimate{.value = squares.mean().item<double>()};
  const int64_t n = squares.size(0);
  if (!exact_ && n > 1) estimate.standard_error = std::sqrt(squares.var().item<double>() / static_cast<double>(n));
  return estimate;
}

}  // namespace sliceflow::engine
