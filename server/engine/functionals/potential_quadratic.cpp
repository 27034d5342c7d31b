#include "server/engine/functionals/potential_quadratic.h"

#include <ATen/ATen.h>

#include "server/engine/dense.h"

namespace sliceflow::engine {

QuadraticFunctional::QuadraticFunctional(const QuadraticPotential& spec)
    : center_(ToTensor(ToVector(spec.center))), precision_(ToTensor(ToMatrix(spec.precision, static_cast<int>(spec.center.size())))) {}

TermValue QuadraticFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const at::Tensor difference = batch.x.detach() - center_;
  const at::Tensor gradient = at::matmul(difference, precision_);
  return PotentialValue((difference * gradient).sum(1).mul_(0.5), draw.with_gradient ? gradient : at::Tensor());
}

}  // namespace sliceflow::engine
