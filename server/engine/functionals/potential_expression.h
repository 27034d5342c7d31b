// V(x) as the user's own expression.
#pragma once

#include <memory>

#include "server/engine/expressions/expression.h"
#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

// The gradient is the expression's, by automatic differentiation. Takes ⌈n / rows()⌉ evaluations of it, each within the bounds of
// expressions/program.h; a batch below that many rows costs a whole evaluation.
class ExpressionPotentialFunctional final : public Functional {
 public:
  ExpressionPotentialFunctional(const ExpressionPotential& spec, int dimension);
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  std::unique_ptr<const Expression> potential_;
};

}  // namespace sliceflow::engine
