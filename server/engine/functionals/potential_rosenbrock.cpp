#include "server/engine/functionals/potential_rosenbrock.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

TermValue RosenbrockFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const at::Tensor x = batch.x.detach();
  const int64_t links = x.size(1) - 1;
  const at::Tensor here = x.narrow(1, 0, links);
  const at::Tensor apart = here - a_;
  const at::Tensor off_floor = x.narrow(1, 1, links) - here.square();
  const at::Tensor v = (apart.square() + b_ * off_floor.square()).sum(1).mul_(scale_);
  at::Tensor gradient;
  if (draw.with_gradient) {
    gradient = at::zeros_like(x);
    gradient.narrow(1, 0, links).add_(apart - 2 * b_ * off_floor * here, 2 * scale_);
    gradient.narrow(1, 1, links).add_(off_floor, 2 * scale_ * b_);
  }
  return PotentialValue(v, gradient);
}

}  // namespace sliceflow::engine
