// V(x) = ½ stiffness (|x − center| − radius)².
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

// At the centre itself, where V has a kink, the gradient is taken as 0.
class RingFunctional final : public Functional {
 public:
  explicit RingFunctional(const RingPotential& spec);
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  at::Tensor center_;
  double radius_;
  double stiffness_;
};

}  // namespace sliceflow::engine
