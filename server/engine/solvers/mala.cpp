#include "server/engine/solvers/mala.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "server/engine/random.h"
#include "server/engine/solvers/particle_move.h"

namespace sliceflow::engine {
namespace {

constexpr double kWantedAcceptance = 0.57;
constexpr double kFirstGain = 1;     // of log h for an acceptance off by one
constexpr double kGainDecay = -0.6;  // the gain of iteration i is i^decay of the first: sums to infinity, its squares do not

// |a|² of each row, in double.
at::Tensor SquaredNorms(const at::Tensor& a) { return a.to(at::kDouble).square().sum(1); }

// log of q(x | y) up to its constant: the density of the move from y to x, of size h.
at::Tensor LogMove(const at::Tensor& x, const at::Tensor& y, const at::Tensor& velocity_at_y, double h, double diffusion) {
  return SquaredNorms(x - y - h * velocity_at_y).div(-4 * diffusion * h);
}

}  // namespace

Mala::Mala(const MalaSolver& spec, const SolverContext& context)
    : iterations_(spec.inner_iterations), diffusion_(DiffusionOf(context.terms)), context_(context) {}

StepOutcome Mala::Step(int step, const Position& before, const StopLatch& stop, InnerCallback progress) {
  const at::NoGradGuard no_graph;
  double h = before.memory.defined() ? before.memory.item<float>() : context_.dimension * context_.sliced_step_size / iterations_;
  at::Tensor x = before.parameters.view({-1, context_.dimension}).clone();
  const at::Generator data_random = MakeGenerator(context_.seed, Purpose::kInnerTerms);
  Drift here = DriftOf(context_.terms, x, data_random, /*thorough=*/true);
  if (here.divergence.has_value()) return {.divergence = here.divergence};
  double accepted = 0;
  for (int i = 0; i < iterations_; ++i) {
    if (stop.triggered()) return {.stopped = true};
    at::Generator random = MakeGenerator(context_.seed, Purpose::kInner, static_cast<uint64_t>(step), static_cast<uint64_t>(i));
    const at::Tensor noise = at::randn(x.sizes(), random, x.options());
    // A move too large for the limit or the potential is one more that is rejected: the size adapts. Evaluated is where such a particle is.
    at::Tensor proposed = x + h * here.velocity + std::sqrt(2 * diffusion_ * h) * noise;
    const at::Tensor within = proposed.abs().amax(1) <= context_.limit;
    proposed = at::where(within.unsqueeze(1), proposed, x);
    const Drift there = DriftOf(context_.terms, proposed, data_random, /*thorough=*/true);
    const at::Tensor log_ratio = (here.per_sample - there.per_sample) / diffusion_ + LogMove(x, proposed, there.velocity, h, diffusion_) -
                                 LogMove(proposed, x, here.velocity, h, diffusion_);
    const at::Tensor possible = within & at::isfinite(there.per_sample);
    const at::Tensor accept = (at::rand({x.size(0)}, random, at::TensorOptions(at::kDouble)).log() < log_ratio) & possible;
    const at::Tensor rows = accept.unsqueeze(1);
    x = at::where(rows, proposed, x);
    here.velocity = at::where(rows, there.velocity, here.velocity);
    here.per_sample = at::where(accept, there.per_sample, here.per_sample);
    const double acceptance = accept.to(at::kDouble).mean().item<double>();
    accepted += acceptance;
    const double done = static_cast<double>(step - 1) * iterations_ + i + 1;
    h *= std::exp(kFirstGain * std::pow(done, kGainDecay) * (acceptance - kWantedAcceptance));
    progress(iterations_, here.per_sample.mean().item<double>());
  }
  StepOutcome outcome = ReportMove(context_, before, x);
  outcome.position.memory = at::scalar_tensor(h, at::kFloat).view({1});
  outcome.inner_iterations = iterations_;
  outcome.figures = {{"acceptance", accepted / iterations_, 0}, {"move_size", h, 0}};
  return outcome;
}

}  // namespace sliceflow::engine
