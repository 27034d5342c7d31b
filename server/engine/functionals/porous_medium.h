// F(ρ) = ∫ ρ^m/(m − 1) = E[ρ(x)^{m−1}]/(m − 1), by change of variables in a model with a density (Otto 2001).
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

class PorousMediumFunctional final : public Functional {
 public:
  explicit PorousMediumFunctional(const PorousMediumTerm& spec) : exponent_(spec.exponent) {}
  bool needs_density() const override { return true; }
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  double exponent_;
};

}  // namespace sliceflow::engine
