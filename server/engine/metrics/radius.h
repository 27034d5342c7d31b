// `radius_mean`, `radius_deviation`: of the distance of samples from their centre of mass.
#pragma once

#include <vector>

#include "server/engine/metrics/metric.h"

namespace sliceflow::engine {

class Radius final : public StepMetric {
 public:
  std::vector<Metric> Compute(const Batch& batch, double wasserstein_time) const override;
};

}  // namespace sliceflow::engine
