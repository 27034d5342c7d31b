#include "server/engine/solvers/proximal.h"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "absl/strings/str_cat.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr double kRetryRate = 1.0 / 3;  // of the learning rate of the attempt before

}  // namespace

struct ProximalSolver::Start {
  const Position& position;
  Penalty penalty;
  Batch batch;        // ρ_k
  at::Tensor second;  // samples of ρ_{k−1}; undefined in a step of order 1
  Energy energy;      // of ρ_k
  Estimate moved;     // D²(ρ_k, ρ_{k−1})
};

ProximalSolver::ProximalSolver(const InnerMinimisation& inner, int order, double tau, std::unique_ptr<Proximity> proximity,
                               std::unique_ptr<Candidate> candidate, const SolverContext& context)
    : inner_(inner), order_(order), tau_(tau), proximity_(std::move(proximity)), candidate_(std::move(candidate)), context_(context) {}

int64_t ProximalSolver::MemorySize(int step) const { return order_ == 2 && step > 0 ? candidate_->ParameterCount(step - 1) : 0; }

ProximalSolver::Penalty ProximalSolver::PenaltyFrom(const Position& before) const {
  if (!before.memory.defined()) return {.last = 1 / (2 * tau_)};
  return {.last = 1 / tau_, .second_last = -1 / (4 * tau_)};
}

// Σ_j c_j F_j on a batch, with the draws that `random` begins with.
double ProximalSolver::ValueOfTerms(const Batch& batch, const at::Generator& random) {
  double value = 0;
  for (const Term& term : context_.terms) {
    value += term.weight * term.functional->Evaluate(batch, {.random = random, .thorough = false, .with_gradient = false}).value;
  }
  return value;
}

ObjectiveValue ProximalSolver::Objective(const at::Tensor& leaf, const Position& before, uint64_t step, uint64_t draw) {
  const Penalty penalty = PenaltyFrom(before);
  at::Generator random = MakeGenerator(context_.seed, Purpose::kInner, step, draw);
  const Drawn drawn = candidate_->Draw(before, inner_.batch_size, random);
  proximity_->Refresh(random);
  const Batch batch = candidate_->Transport(leaf, drawn);
  ObjectiveValue result;
  result.divergence = CheckBatch(batch, context_.limit);
  if (result.divergence.has_value()) return result;

  const at::Generator terms_random = MakeGenerator(context_.seed, Purpose::kInnerTerms, step, draw);
  result.loss = at::zeros({}, batch.x.options());
  for (const Term& term : context_.terms) {
    const TermValue value = term.functional->Evaluate(batch, {.random = terms_random, .thorough = false, .with_gradient = true});
    if (!std::isfinite(value.value)) {
      result.divergence = Divergence{term.name, absl::StrCat("its value is ", value.value)};
      return result;
    }
    if (value.gradient.defined() && !std::isfinite((value.gradient * term.weight).norm().item<double>())) {
      result.divergence = Divergence{term.name, "its gradient is not finite"};
      return result;
    }
    result.loss = result.loss + Differentiable(value, batch) * term.weight;
    result.value += term.weight * value.value;
  }
  at::Tensor cost = proximity_->Differentiable(batch.x, drawn.last.x) * penalty.last;
  if (penalty.second_last != 0) cost = cost + proximity_->Differentiable(batch.x, drawn.second_last) * penalty.second_last;
  result.loss = result.loss + cost;
  result.value += cost.item<double>();
  if (inner_.tolerance == 0) return result;
  const at::NoGradGuard no_graph;
  result.decrease = ValueOfTerms(drawn.last, MakeGenerator(context_.seed, Purpose::kInnerTerms, step, draw)) - result.value;
  if (penalty.second_last == 0) return result;
  result.decrease += penalty.second_last * proximity_->Differentiable(drawn.last.x, drawn.second_last).item<double>();
  return result;
}

StepOutcome ProximalSolver::Judge(const Minimisation& minimised, const Start& start) {
  StepOutcome outcome;
  outcome.position.parameters = candidate_->Parameters(minimised.parameters, start.position);
  const Batch batch = context_.evaluator.BatchAt(outcome.position.parameters);
  outcome.divergence = CheckBatch(batch, context_.limit);
  if (outcome.divergence.has_value()) return outcome;
  outcome.energy = context_.evaluator.EnergyOf(batch);
  outcome.divergence = outcome.energy.divergence;
  if (outcome.divergence.has_value()) return outcome;

  outcome.distance = proximity_->Evaluate(batch.x, start.batch.x);
  Estimate growth{start.penalty.last * outcome.distance.value, start.penalty.last * outcome.distance.standard_error};
  if (start.second.defined()) {
    const Estimate away = proximity_->Evaluate(batch.x, start.second);
    growth.value += start.penalty.second_last * (away.value - start.moved.value);
    growth.standard_error = std::hypot(growth.standard_error, start.penalty.second_last * away.standard_error,
                                       start.penalty.second_last * start.moved.standard_error);
  }
  outcome.inequality = context_.evaluator.Inequality(start.energy, outcome.energy, growth);
  outcome.gradient_norm = minimised.gradient_norm;
  outcome.converged = outcome.inequality->holds && minimised.at_rest && (inner_.tolerance == 0 || minimised.settled);
  if (order_ == 2) outcome.position.memory = start.position.parameters;
  return outcome;
}

StepOutcome ProximalSolver::Step(int step, const Position& before, const StopLatch& stop, InnerCallback progress) {
  Start start{.position = before, .penalty = PenaltyFrom(before), .batch = context_.evaluator.BatchAt(before.parameters)};
  start.energy = context_.evaluator.EnergyOf(start.batch);
  if (before.memory.defined()) {
    start.second = context_.evaluator.BatchAt(before.memory).x;
    start.moved = proximity_->Evaluate(start.batch.x, start.second);
  }
  StepOutcome best;
  int iterations = 0;
  uint64_t draw = 0;
  for (int attempt = 0; attempt < inner_.max_attempts; ++attempt) {
    const int total = iterations + inner_.iterations;
    const auto objective = [&](const at::Tensor& leaf) { return Objective(leaf, before, static_cast<uint64_t>(step), draw++); };
    const auto on_iteration = [&](double value) { progress(total, value); };
    const Minimisation minimised =
        Minimise(candidate_->Start(before), inner_, std::pow(kRetryRate, attempt), objective, stop, on_iteration);
    iterations += minimised.iterations;
    StepOutcome outcome;
    outcome.stopped = minimised.stopped;
    outcome.divergence = minimised.divergence;
    if (!outcome.stopped && !outcome.divergence.has_value()) outcome = Judge(minimised, start);
    if (outcome.stopped || outcome.divergence.has_value()) return outcome;
    if (best.position.parameters.defined() && best.inequality->slack >= outcome.inequality->slack) continue;
    best = std::move(outcome);
    if (best.inequality->holds) break;
  }
  best.inner_iterations = iterations;
  return best;
}

}  // namespace sliceflow::engine
