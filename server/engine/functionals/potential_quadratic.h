// V(x) = ½ (x − b)ᵀ A (x − b).
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

class QuadraticFunctional final : public Functional {
 public:
  explicit QuadraticFunctional(const QuadraticPotential& spec);
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  at::Tensor center_;     // b, d
  at::Tensor precision_;  // A, d × d
};

}  // namespace sliceflow::engine
