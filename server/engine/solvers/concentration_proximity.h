// The concentration approximation of the sliced distance as the penalty of a minimising scheme.
#pragma once

#include "server/engine/solvers/proximity.h"

namespace sliceflow::engine {

// `Concentrated` of server/engine/gaussian_slices.h: biased for laws that are not spherical, with an error that falls with the dimension;
// it sees means and total variances only, so that it does not hold the shape of ρ near that of ρ_k.
class ConcentrationProximity final : public Proximity {
 public:
  void Refresh(at::Generator& /*random*/) override {}
  Penalty Penalise(const at::Tensor& x, absl::Span<const ProximityTo> from) override;
  double Between(const at::Tensor& x, const at::Tensor& y) override;
  Estimate Evaluate(const at::Tensor& x, const at::Tensor& y) override;
};

}  // namespace sliceflow::engine
