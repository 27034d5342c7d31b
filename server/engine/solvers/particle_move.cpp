#include "server/engine/solvers/particle_move.h"

#include <cmath>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"

namespace sliceflow::engine {

Drift DriftOf(std::vector<Term>& terms, const at::Tensor& x, const at::Generator& random, bool thorough) {
  const auto n = static_cast<double>(x.size(0));
  Drift drift{.velocity = at::zeros_like(x), .per_sample = at::zeros({x.size(0)}, at::kDouble)};
  for (const Term& term : terms) {
    const TermValue value =
        term.functional->Evaluate({.x = x}, {.random = random, .thorough = thorough, .with_gradient = true, .entropy_as_noise = true});
    if (!std::isfinite(value.value) && !drift.divergence.has_value()) {
      drift.divergence = Divergence{term.name, absl::StrCat("its value is ", value.value)};
    }
    drift.value += term.weight * value.value;
    if (value.gradient.defined()) drift.velocity.sub_(value.gradient, n * term.weight);
    if (!value.per_sample.defined()) {
      drift.per_sample = at::Tensor();
    } else if (drift.per_sample.defined()) {
      drift.per_sample.add_(value.per_sample.to(at::kDouble), term.weight);
    }
  }
  return drift;
}

double DiffusionOf(const std::vector<Term>& terms) {
  double diffusion = 0;
  for (const Term& term : terms) diffusion += term.weight * term.functional->diffusion();
  return diffusion;
}

StepOutcome ReportMove(const SolverContext& context, const Position& before, const at::Tensor& x) {
  StepOutcome outcome;
  outcome.energy = context.evaluator.EnergyOf({.x = x});
  outcome.divergence = outcome.energy.divergence;
  if (outcome.divergence.has_value()) return outcome;
  outcome.distance.value = (x - before.parameters.view_as(x)).square().sum(1).mean(at::kDouble).item<double>();
  outcome.position.parameters = x.reshape({-1});
  return outcome;
}

}  // namespace sliceflow::engine
