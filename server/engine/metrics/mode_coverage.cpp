#include "server/engine/metrics/mode_coverage.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

std::vector<Metric> ModeCoverage::Compute(const Batch& batch, double /*wasserstein_time*/) const {
  const at::Tensor mass = target_.Responsibilities(batch.x).mean(0, false, at::kDouble);
  const double covered = (mass >= 0.5 * target_.weights()).to(at::kDouble).mean().item<double>();
  return {{"mode_coverage", covered, 0}};
}

}  // namespace sliceflow::engine
