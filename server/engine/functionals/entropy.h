// F(ρ) = ∫ ρ log ρ = E[log ρ(x)], by change of variables in a model with a density.
#pragma once

#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

class EntropyFunctional final : public Functional {
 public:
  bool needs_density() const override { return true; }
  double diffusion() const override { return 1; }
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;
};

}  // namespace sliceflow::engine
