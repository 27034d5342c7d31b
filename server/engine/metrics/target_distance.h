// `target_distance`: SW2² to the rows of a data set.
#pragma once

#include <vector>

#include "server/engine/metrics/metric.h"

namespace sliceflow::engine {

// At most kRows rows, chosen once by the seed, against as many samples, over the same directions at every step. The error is over
// directions.
class TargetDistance final : public StepMetric {
 public:
  static constexpr int64_t kRows = 8192;

  TargetDistance(const TargetDistanceMetric& spec, uint64_t seed);
  std::vector<Metric> Compute(const Batch& batch, double wasserstein_time) const override;

 private:
  TablePtr table_;
  at::Tensor rows_;
  at::Tensor directions_;
};

}  // namespace sliceflow::engine
