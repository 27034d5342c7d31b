#include "server/engine/functionals/potential_double_well.h"

#include <ATen/ATen.h>

#include "server/engine/dense.h"

namespace sliceflow::engine {

DoubleWellFunctional::DoubleWellFunctional(const DoubleWellPotential& spec)
    : center_(ToTensor(ToVector(spec.center))), distance_(spec.distance), depth_(spec.depth), stiffness_(spec.stiffness) {}

TermValue DoubleWellFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const at::Tensor difference = batch.x.detach() - center_;
  const at::Tensor along = difference.select(1, 0) / distance_;
  const at::Tensor across = difference.narrow(1, 1, difference.size(1) - 1);
  const at::Tensor excess = along.square() - 1;
  const at::Tensor v = depth_ * excess.square() + across.square().sum(1).mul_(0.5 * stiffness_);
  at::Tensor gradient;
  if (draw.with_gradient) {
    gradient = difference * stiffness_;
    gradient.select(1, 0).copy_(excess * along).mul_(4 * depth_ / distance_);
  }
  return PotentialValue(v, gradient);
}

}  // namespace sliceflow::engine
