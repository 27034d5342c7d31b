#include "server/engine/functionals/entropy.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

TermValue EntropyFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const at::Tensor log_density = batch.log_density.detach();
  TermValue result = PotentialValue(log_density, at::Tensor());
  if (draw.with_gradient) result.density_gradient = at::full_like(log_density, 1.0 / static_cast<double>(log_density.size(0)));
  return result;
}

}  // namespace sliceflow::engine
