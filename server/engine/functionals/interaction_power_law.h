// F(ρ) = ½ ∬ W(x − y) dρ dρ with W(z) = |z|^a/a − |z|^b/b (Balagué et al. 2013).
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

// Over all pairs of distinct samples (a U-statistic): ½ mean_{i≠j} W(xᵢ − xⱼ), 0 for a single sample. Works in tiles of rows: memory is
// tile × n. Distances below 1e-6 count as 1e-6, which keeps kernels with b < 2 finite.
class PowerLawFunctional final : public Functional {
 public:
  explicit PowerLawFunctional(const PowerLawInteraction& spec) : attraction_(spec.attraction), repulsion_(spec.repulsion) {}
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  double attraction_;
  double repulsion_;
};

}  // namespace sliceflow::engine
