// `mode_coverage`: the share of a known mixture's components that hold at least half their weight.
#pragma once

#include <vector>

#include "server/engine/metrics/metric.h"
#include "server/engine/mixture_density.h"

namespace sliceflow::engine {

// The mass of a component is the mean over samples of wᵢ N(x; mᵢ, Σᵢ)/π(x), which is wᵢ exactly for samples of the mixture π itself,
// however much its components overlap.
class ModeCoverage final : public StepMetric {
 public:
  ModeCoverage(const ModeCoverageMetric& spec, int dimension) : target_(spec.target, dimension) {}
  std::vector<Metric> Compute(const Batch& batch, double wasserstein_time) const override;

 private:
  MixtureDensity target_;
};

}  // namespace sliceflow::engine
