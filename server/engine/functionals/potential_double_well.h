// V(x) = depth ((x₁ − c₁)²/distance² − 1)² + ½ stiffness Σ_{i≥2} (xᵢ − cᵢ)².
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

class DoubleWellFunctional final : public Functional {
 public:
  explicit DoubleWellFunctional(const DoubleWellPotential& spec);
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  at::Tensor center_;
  double distance_;
  double depth_;
  double stiffness_;
};

}  // namespace sliceflow::engine
