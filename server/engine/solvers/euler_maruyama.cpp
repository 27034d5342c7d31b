#include "server/engine/solvers/euler_maruyama.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "server/engine/random.h"
#include "server/engine/solvers/particle_move.h"

namespace sliceflow::engine {

EulerMaruyama::EulerMaruyama(const EulerMaruyamaSolver& spec, const SolverContext& context)
    : iterations_(spec.inner_iterations), diffusion_(DiffusionOf(context.terms)), context_(context) {}

StepOutcome EulerMaruyama::Step(int step, const Position& before, const StopLatch& stop, InnerCallback progress) {
  const at::NoGradGuard no_graph;
  const double h = context_.dimension * context_.sliced_step_size / iterations_;
  at::Tensor x = before.parameters.view({-1, context_.dimension}).clone();
  StepOutcome outcome;
  for (int i = 0; i < iterations_; ++i) {
    outcome.stopped = stop.triggered();
    if (outcome.stopped) return outcome;
    at::Generator random = MakeGenerator(context_.seed, Purpose::kInner, static_cast<uint64_t>(step), static_cast<uint64_t>(i));
    const Drift drift = DriftOf(context_.terms, x, random, /*thorough=*/false);
    outcome.divergence = drift.divergence;
    if (outcome.divergence.has_value()) return outcome;
    x.add_(drift.velocity, h);
    if (diffusion_ > 0) x.add_(at::randn(x.sizes(), random, x.options()), std::sqrt(2 * diffusion_ * h));
    outcome.divergence = CheckBatch({.x = x}, context_.limit);
    if (outcome.divergence.has_value()) return outcome;
    progress(iterations_, drift.value);
  }
  outcome = ReportMove(context_, before, x);
  outcome.inner_iterations = iterations_;
  return outcome;
}

}  // namespace sliceflow::engine
