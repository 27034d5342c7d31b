// The uniform distribution on a box as an initial distribution.
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"

namespace sliceflow::engine {

// Uniform on Π [lower_i, upper_i]. Its density is 0 outside, give or take a hundred-thousandth of each side, which absorbs the rounding
// of points carried through a model and back.
class BoxInitial final : public InitialDistribution {
 public:
  explicit BoxInitial(const UniformBox& box);

  at::Tensor Sample(int64_t count, at::Generator& random) const override;
  bool has_density() const override { return true; }
  at::Tensor LogDensity(const at::Tensor& x) const override;
  ScriptPart Script() const override;
  bool symmetric() const override { return true; }
  at::Tensor mean() const override { return mean_; }
  at::Tensor deviation() const override { return deviation_; }

 private:
  at::Tensor lower_;
  at::Tensor width_;
  at::Tensor mean_;
  at::Tensor deviation_;
  double log_density_ = 0;
};

}  // namespace sliceflow::engine
