#include "server/engine/functionals/entropy.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

TermValue EntropyFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  TermValue result = PotentialValue(batch.log_density.detach(), at::Tensor());
  if (draw.with_gradient) result.density_gradient = 1.0 / static_cast<double>(batch.log_density.size(0));
  return result;
}

}  // namespace sliceflow::engine
