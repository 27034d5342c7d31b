// Particles moved explicitly along the functional's velocity, with noise for its entropy.
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

// xᵢ ← xᵢ − h n ∂F/∂xᵢ + √(2 c h) ξ, h a share of the step in the Wasserstein clock, c the weight of the entropy, whose velocity is the
// noise. Without an entropy that is the explicit Euler scheme of particles; for a potential with one, the unadjusted Langevin algorithm; for
// the distance to a data set with one, the sliced-Wasserstein flow of Liutkus et al. 2019 (equation 10).
// Only for models that are their particles.
class EulerMaruyama final : public Solver {
 public:
  EulerMaruyama(const EulerMaruyamaSolver& spec, const SolverContext& context);

  StepOutcome Step(int step, const Position& before, const StopLatch& stop, InnerCallback progress) override;
  int64_t ParameterCount(int /*step*/) const override { return context_.model.num_parameters(); }
  int64_t MemorySize(int /*step*/) const override { return 0; }

 private:
  int iterations_;
  double diffusion_;
  SolverContext context_;
};

}  // namespace sliceflow::engine
