// The sliced-Wasserstein distance as the penalty of SW-JKO (Bonet et al. 2022, equation 10).
#pragma once

#include <cstdint>

#include "server/engine/directions.h"
#include "server/engine/flow_spec.h"
#include "server/engine/sliced_distance.h"
#include "server/engine/solvers/proximity.h"

namespace sliceflow::engine {

// SW2² over directions drawn afresh for every iteration. The samples of ρ and of ρ_k come from the same noise. Both are then right in law;
// at ρ = ρ_k the distance and its gradient are exactly 0, where independent batches would leave a bias of order 1/n and noise of order
// 1/√n pulling the model about.
// With a control variate, what Gaussians of the same moments have along the iteration's directions is taken off and put back along 8192
// directions that stay: the closer the projections to Gaussians, the less the directions' noise. Without bias but for that of those
// directions' rule.
class SlicedProximity final : public Proximity {
 public:
  SlicedProximity(const SwJkoSolver& spec, int dimension, uint64_t seed);

  void Refresh(at::Generator& random) override;
  Penalty Penalise(const at::Tensor& x, absl::Span<const ProximityTo> from) override;
  double Between(const at::Tensor& x, const at::Tensor& y) override;
  Estimate Evaluate(const at::Tensor& x, const at::Tensor& y) override;

 private:
  at::Tensor ControlVariate(const at::Tensor& x, const at::Tensor& y) const;

  int64_t num_projections_;
  ProjectionSampling sampling_;
  bool control_variate_;
  int dimension_;
  at::Tensor directions_;         // of the iteration
  at::Tensor rule_;               // for the mean of the control variate
  at::Tensor report_directions_;  // of the flow
  SlicedDistance distance_;
};

}  // namespace sliceflow::engine
