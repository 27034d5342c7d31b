#include "server/engine/solvers/concentration_proximity.h"

#include <ATen/ATen.h>

#include "server/engine/gaussian_slices.h"

namespace sliceflow::engine {

Penalty ConcentrationProximity::Penalise(const at::Tensor& x, absl::Span<const ProximityTo> from) {
  return Differentiated(x, [&](const at::Tensor& leaf) {
    at::Tensor sum = at::zeros({}, x.options());
    for (const ProximityTo& to : from) sum = sum + Concentrated(leaf, to.y) * to.weight;
    return sum;
  });
}

double ConcentrationProximity::Between(const at::Tensor& x, const at::Tensor& y) { return Concentrated(x, y).item<double>(); }

Estimate ConcentrationProximity::Evaluate(const at::Tensor& x, const at::Tensor& y) { return {Between(x, y), 0}; }

}  // namespace sliceflow::engine
