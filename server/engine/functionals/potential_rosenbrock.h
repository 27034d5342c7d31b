// V(x) = scale Σ_{i<d} [(a − xᵢ)² + b (xᵢ₊₁ − xᵢ²)²].
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

// In dimension 2 or more.
class RosenbrockFunctional final : public Functional {
 public:
  explicit RosenbrockFunctional(const RosenbrockPotential& spec) : a_(spec.a), b_(spec.b), scale_(spec.scale) {}
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  double a_;
  double b_;
  double scale_;
};

}  // namespace sliceflow::engine
