#include "server/engine/functionals/potential_gaussian_mixture.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

TermValue GaussianMixtureFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const MixtureDensity::Values values = density_.Evaluate(batch.x.detach(), draw.with_gradient);
  return PotentialValue(-values.log_density, draw.with_gradient ? -values.gradient : at::Tensor());
}

}  // namespace sliceflow::engine
