// A ring, in d dimensions a spherical shell, as an initial distribution.
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"

namespace sliceflow::engine {

// center + (radius + thickness · g) u, u uniform on the unit sphere and g standard normal.
class RingInitial final : public InitialDistribution {
 public:
  explicit RingInitial(const Ring& ring);

  at::Tensor Sample(int64_t count, at::Generator& random) const override;
  bool symmetric() const override { return true; }
  at::Tensor mean() const override { return center_; }
  at::Tensor deviation() const override;

 private:
  at::Tensor center_;
  double radius_;
  double thickness_;
};

}  // namespace sliceflow::engine
