// F(ρ) = ½ ∬ W(x − y) dρ dρ with W as the user's own expression.
#pragma once

#include <memory>

#include "server/engine/expressions/expression.h"
#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

// Over all ordered pairs of distinct samples (a U-statistic): ½ mean_{i≠j} W(xᵢ − xⱼ), 0 for a single sample. W need not be even; what
// counts is (W(z) + W(−z))/2. Works in tiles of pairs: memory is that of rows() differences (expressions/expression.h), time n² / rows()
// evaluations. W(0) of a sample with itself is left out, also where it is not finite.
class ExpressionInteractionFunctional final : public Functional {
 public:
  ExpressionInteractionFunctional(const ExpressionInteraction& spec, int dimension);
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  std::unique_ptr<const Expression> kernel_;
};

}  // namespace sliceflow::engine
