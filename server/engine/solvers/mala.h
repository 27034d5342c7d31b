// The Metropolis-adjusted Langevin algorithm.
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

// Moves every particle as EulerMaruyama does for F = ∫V dρ + c ∫ρ log ρ, and accepts the move with the probability that leaves e^{−V/c}
// invariant (Roberts & Tweedie 1996). The size h of a move begins at the step's share and is adapted towards the acceptance of 0.57 that is
// best in high dimension (Roberts & Rosenthal 1998), ever more slowly, so that the law stays the target's: h is what the flow remembers.
// The clock is therefore nominal; what is reached is the stationary state. Only for models that are their particles.
class Mala final : public Solver {
 public:
  Mala(const MalaSolver& spec, const SolverContext& context);

  // Adds the figures `acceptance` and `move_size`.
  StepOutcome Step(int step, const Position& before, const StopLatch& stop, InnerCallback progress) override;
  int64_t ParameterCount(int /*step*/) const override { return context_.model.num_parameters(); }
  int64_t MemorySize(int step) const override { return step > 0 ? 1 : 0; }

 private:
  int iterations_;
  double diffusion_;
  SolverContext context_;
};

}  // namespace sliceflow::engine
