#include "server/engine/initial/ring.h"

#include <cmath>

#include <ATen/ATen.h>

#include "server/engine/dense.h"

namespace sliceflow::engine {

RingInitial::RingInitial(const Ring& ring) : center_(ToTensor(ToVector(ring.center))), radius_(ring.radius), thickness_(ring.thickness) {}

at::Tensor RingInitial::Sample(int64_t count, at::Generator& random) const {
  const at::Tensor normal = at::randn({count, center_.size(0)}, random, at::TensorOptions(at::kFloat));
  const at::Tensor unit = normal / normal.norm(2, {1}, /*keepdim=*/true).clamp_min_(1e-20);
  const at::Tensor distance = at::randn({count, 1}, random, at::TensorOptions(at::kFloat)).mul_(thickness_).add_(radius_);
  return unit * distance + center_;
}

at::Tensor RingInitial::deviation() const {
  const double mean_square = (radius_ * radius_ + thickness_ * thickness_) / static_cast<double>(center_.size(0));
  return at::full_like(center_, std::sqrt(mean_square));
}

}  // namespace sliceflow::engine
