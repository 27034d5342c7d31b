// A unit mass at a point as an initial distribution.
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"

namespace sliceflow::engine {

class DiracInitial final : public InitialDistribution {
 public:
  explicit DiracInitial(const Dirac& dirac);

  at::Tensor Sample(int64_t count, at::Generator& random) const override;
  bool symmetric() const override { return true; }
  at::Tensor mean() const override { return point_; }
  at::Tensor deviation() const override;

 private:
  at::Tensor point_;
};

}  // namespace sliceflow::engine
