#include "server/engine/functionals/potential_ring.h"

#include <limits>

#include <ATen/ATen.h>

#include "server/engine/dense.h"

namespace sliceflow::engine {

RingFunctional::RingFunctional(const RingPotential& spec)
    : center_(ToTensor(ToVector(spec.center))), radius_(spec.radius), stiffness_(spec.stiffness) {}

TermValue RingFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const at::Tensor difference = batch.x.detach() - center_;
  const at::Tensor distance = difference.norm(2, {1}, /*keepdim=*/true);
  const at::Tensor excess = distance - radius_;
  at::Tensor gradient;
  if (draw.with_gradient) gradient = difference * (excess / distance.clamp_min(std::numeric_limits<float>::min())).mul_(stiffness_);
  return PotentialValue(excess.square().squeeze(1).mul_(0.5 * stiffness_), gradient);
}

}  // namespace sliceflow::engine
