// `mean_norm`, `variance_norm`, `second_moment`: first and second moments.
#pragma once

#include <vector>

#include "server/engine/metrics/metric.h"

namespace sliceflow::engine {

// |m|, the norm of the coordinates' variances (divided by n), and E|x − m|² about the centre of mass m; errors over samples to first order.
class MomentFigures final : public StepMetric {
 public:
  std::vector<Metric> Compute(const Batch& batch, double wasserstein_time) const override;
};

}  // namespace sliceflow::engine
