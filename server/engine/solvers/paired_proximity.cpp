#include "server/engine/solvers/paired_proximity.h"

#include <cmath>

#include <ATen/ATen.h>

namespace sliceflow::engine {

void PairedProximity::Refresh(at::Generator& /*random*/) {}

at::Tensor PairedProximity::Differentiable(const at::Tensor& x, const at::Tensor& y) { return (x - y).square().sum(1).mean(); }

Estimate PairedProximity::Evaluate(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor squares = (x - y).square().sum(1).to(at::kDouble);
  Estimate estimate{.value = squares.mean().item<double>()};
  const int64_t n = squares.size(0);
  if (!exact_ && n > 1) estimate.standard_error = std::sqrt(squares.var().item<double>() / static_cast<double>(n));
  return estimate;
}

}  // namespace sliceflow::engine
