#include "server/engine/functionals/entropy.h"

#include <cmath>

#include <ATen/ATen.h>

#include "server/engine/nearest_neighbours.h"

namespace sliceflow::engine {
namespace {

// Of particles, for reports.
TermValue NeighbourEstimate(const at::Tensor& x) {
  TermValue result;
  if (x.size(0) < 2) return result;
  const at::Tensor log_density = NeighbourLogDensity(x);
  result.value = log_density.mean().item<double>();
  result.other_error = std::sqrt(log_density.var().item<double>() / static_cast<double>(log_density.size(0)));
  return result;
}

}  // namespace

TermValue EntropyFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  if (draw.entropy_as_noise) return PotentialValue(at::zeros({batch.x.size(0)}, batch.x.options()), at::Tensor());
  if (!batch.log_density.defined()) return NeighbourEstimate(batch.x);
  const at::Tensor log_density = batch.log_density.detach();
  TermValue result = PotentialValue(log_density, at::Tensor());
  if (draw.with_gradient) result.density_gradient = at::full_like(log_density, 1.0 / static_cast<double>(log_density.size(0)));
  return result;
}

}  // namespace sliceflow::engine
