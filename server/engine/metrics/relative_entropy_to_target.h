// `kl_to_target` and `effective_sample_size`: of ρ towards a known density π.
#pragma once

#include <vector>

#include "server/engine/metrics/metric.h"
#include "server/engine/mixture_density.h"

namespace sliceflow::engine {

// E[log ρ − log π] with its error over samples, and (Σ w)²/(n Σ w²) of the weights w = π/ρ (Kong 1992), a share of the samples.
class RelativeEntropyToTarget final : public StepMetric {
 public:
  RelativeEntropyToTarget(const RelativeEntropyToTargetMetric& spec, int dimension) : target_(spec.target, dimension) {}
  // The batch has log-densities.
  std::vector<Metric> Compute(const Batch& batch, double wasserstein_time) const override;

 private:
  MixtureDensity target_;
};

}  // namespace sliceflow::engine
