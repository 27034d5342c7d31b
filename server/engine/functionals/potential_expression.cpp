#include "server/engine/functionals/potential_expression.h"

#include <utility>

namespace sliceflow::engine {

ExpressionPotentialFunctional::ExpressionPotentialFunctional(const ExpressionPotential& spec, int dimension)
    : potential_(std::get<0>(Expression::Compile(spec.source, dimension, kPotentialRows))) {}

TermValue ExpressionPotentialFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const Expression::Values values = potential_->Evaluate(batch.x.detach(), draw.with_gradient);
  return PotentialValue(values.value, values.gradient);
}

}  // namespace sliceflow::engine
