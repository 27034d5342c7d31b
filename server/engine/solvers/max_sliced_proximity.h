// The max-sliced distance as the penalty of a minimising scheme.
#pragma once

#include <cstdint>

#include "server/engine/sliced_distance.h"
#include "server/engine/solvers/proximity.h"

namespace sliceflow::engine {

// max_θ W2²(θ♯μ, θ♯ν) (Deshpande et al. 2019): from the best of `num_projections` random directions by ten steps of ascent, each to the
// leading direction of the coupled differences, θ ← M_θ θ/|M_θ θ|, M_θ = E[(x − y)(x − y)ᵀ] under the optimal coupling along θ. Ascent
// finds a local maximum, so the value is a lower bound. Its gradient is that along the maximiser (Danskin). Moving a Dirac by v costs |v|²,
// as in W2²: its clock is that of Wasserstein.
class MaxSlicedProximity final : public Proximity {
 public:
  MaxSlicedProximity(int64_t num_projections, int dimension, uint64_t seed);

  void Refresh(at::Generator& random) override;
  Penalty Penalise(const at::Tensor& x, absl::Span<const ProximityTo> from) override;
  double Between(const at::Tensor& x, const at::Tensor& y) override;
  Estimate Evaluate(const at::Tensor& x, const at::Tensor& y) override;

 private:
  int64_t num_projections_;
  int dimension_;
  at::Tensor directions_;         // of the iteration
  at::Tensor report_directions_;  // of the flow
  SlicedDistance distance_;
};

}  // namespace sliceflow::engine
