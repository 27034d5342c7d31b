#include "server/engine/functionals/porous_medium.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

TermValue PorousMediumFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  // In double, whose exponents reach ten times as far as a float's.
  const at::Tensor power = (batch.log_density.detach().to(at::kDouble) * (exponent_ - 1)).exp();
  TermValue result = PotentialValue(power / (exponent_ - 1), at::Tensor());
  if (draw.with_gradient) result.density_gradient = (power / static_cast<double>(power.size(0))).to(batch.log_density.scalar_type());
  return result;
}

}  // namespace sliceflow::engine
