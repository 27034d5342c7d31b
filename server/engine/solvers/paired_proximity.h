// The cost of paired samples as the penalty of the classic JKO scheme with any model.
#pragma once

#include "server/engine/solvers/proximity.h"

namespace sliceflow::engine {

// E|T(z) − S(z)|² over noise that both maps share. For a given image T♯π it is least, and then W2², where T∘S⁻¹ is the transport map, so a
// minimisation over all T with this penalty has the JKO step as its minimum (Xu, Cheng & Xie 2023, JKO-iFlow). Nothing is sorted.
class PairedProximity final : public Proximity {
 public:
  // `exact`: the samples are all of ρ, so that the estimate has no error.
  explicit PairedProximity(bool exact) : exact_(exact) {}

  void Refresh(at::Generator& random) override;
  Penalty Penalise(const at::Tensor& x, absl::Span<const ProximityTo> from) override;
  double Between(const at::Tensor& x, const at::Tensor& y) override;
  Estimate Evaluate(const at::Tensor& x, const at::Tensor& y) override;

 private:
  bool exact_;
};

}  // namespace sliceflow::engine
