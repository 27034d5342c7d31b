#include "server/engine/solvers/proximal.h"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "absl/strings/str_cat.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr double kRetryRate = 1.0 / 3;  // of the learning rate of the attempt before

// By the leaf, from what the closed forms say of the batch.
at::Tensor GradientAt(const at::Tensor& leaf, const Batch& batch, const at::Tensor& by_x, const at::Tensor& by_log_density) {
  if (!by_log_density.defined()) return torch::autograd::grad({batch.x}, {leaf}, {by_x})[0];
  return torch::autograd::grad({batch.x, batch.log_density}, {leaf}, {by_x, by_log_density})[0];
}

}  // namespace

struct ProximalSolver::Start {
  const Position& position;
  Weights weights;
  Batch batch;        // ρ_k
  at::Tensor second;  // samples of ρ_{k−1}; undefined in a step of order 1
  Energy energy;      // of ρ_k
  Estimate moved;     // D²(ρ_k, ρ_{k−1})
};

// What the minimisations of one step share.
struct ProximalSolver::Course {
  uint64_t step = 0;
  const StopLatch& stop;
  InnerCallback progress;
  int done = 0;       // iterations
  int to_come = 0;    // in minimisations after the present one
  uint64_t draw = 0;  // each iteration of a step has random numbers of its own
};

ProximalSolver::ProximalSolver(const InnerMinimisation& inner, int order, double tau, std::unique_ptr<Proximity> proximity,
                               std::unique_ptr<Candidate> candidate, const SolverContext& context)
    : inner_(inner), order_(order), tau_(tau), proximity_(std::move(proximity)), candidate_(std::move(candidate)), context_(context) {}

int64_t ProximalSolver::MemorySize(int step) const { return order_ == 2 && step > 0 ? candidate_->ParameterCount(step - 1) : 0; }

ProximalSolver::Weights ProximalSolver::WeightsFrom(const Position& before, double tau) {
  if (!before.memory.defined()) return {.last = 1 / (2 * tau)};
  return {.last = 1 / tau, .second_last = -1 / (4 * tau)};
}

// Σ_j c_j F_j on a batch, with the draws that `random` begins with.
double ProximalSolver::ValueOfTerms(const Batch& batch, const at::Generator& random) {
  double value = 0;
  for (const Term& term : context_.terms) {
    value += term.weight * term.functional->Evaluate(batch, {.random = random, .thorough = false, .with_gradient = false}).value;
  }
  return value;
}

// The first term whose gradient is not finite or too large for its norm to be.
std::optional<Divergence> ProximalSolver::DivergentGradient(const std::vector<TermValue>& values) const {
  for (size_t i = 0; i < values.size(); ++i) {
    const Term& term = context_.terms[i];
    const at::Tensor& gradient = values[i].gradient;
    if (gradient.defined() && !std::isfinite((gradient * term.weight).norm().item<double>())) {
      return Divergence{term.name, "its gradient is not finite"};
    }
  }
  return std::nullopt;
}

ObjectiveValue ProximalSolver::Objective(const at::Tensor& leaf, const Start& start, uint64_t step, uint64_t draw) {
  at::Generator random = MakeGenerator(context_.seed, Purpose::kInner, step, draw);
  const Drawn drawn = candidate_->Draw(start.position, inner_.batch_size, random);
  proximity_->Refresh(random);
  const Batch batch = candidate_->Transport(leaf, drawn);
  ObjectiveValue result;
  result.divergence = CheckBatch(batch, context_.limit);
  if (result.divergence.has_value()) return result;

  const Weights& weights = start.weights;
  std::vector<ProximityTo> from{{drawn.last.x, weights.last}};
  if (weights.second_last != 0) from.push_back({drawn.second_last, weights.second_last});
  Penalty penalty = proximity_->Penalise(batch.x.detach(), from);
  result.value = penalty.value;

  const at::Generator terms_random = MakeGenerator(context_.seed, Purpose::kInnerTerms, step, draw);
  std::vector<TermValue> values;
  at::Tensor& by_x = penalty.gradient;
  at::Tensor by_log_density;
  for (const Term& term : context_.terms) {
    values.push_back(term.functional->Evaluate(batch, {.random = terms_random, .thorough = false, .with_gradient = true}));
    const TermValue& value = values.back();
    if (!std::isfinite(value.value)) {
      result.divergence = Divergence{term.name, absl::StrCat("its value is ", value.value)};
      return result;
    }
    result.value += term.weight * value.value;
    if (value.gradient.defined()) by_x.add_(value.gradient, term.weight);
    if (!value.density_gradient.defined()) continue;
    if (!by_log_density.defined()) by_log_density = at::zeros_like(value.density_gradient);
    by_log_density.add_(value.density_gradient, term.weight);
  }
  if (!std::isfinite(by_x.norm().item<double>())) {
    result.divergence = DivergentGradient(values);
    if (result.divergence.has_value()) return result;
  }
  result.gradient = GradientAt(leaf, batch, by_x, by_log_density);
  if (inner_.tolerance == 0) return result;
  const at::NoGradGuard no_graph;
  result.decrease = ValueOfTerms(drawn.last, MakeGenerator(context_.seed, Purpose::kInnerTerms, step, draw)) - result.value;
  if (weights.second_last != 0) result.decrease += weights.second_last * proximity_->Between(drawn.last.x, drawn.second_last);
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
  Estimate growth{start.weights.last * outcome.distance.value, start.weights.last * outcome.distance.standard_error};
  if (start.second.defined()) {
    const Estimate away = proximity_->Evaluate(batch.x, start.second);
    growth.value += start.weights.second_last * (away.value - start.moved.value);
    growth.standard_error = std::hypot(growth.standard_error, start.weights.second_last * away.standard_error,
                                       start.weights.second_last * start.moved.standard_error);
  }
  outcome.inequality = context_.evaluator.Inequality(start.energy, outcome.energy, growth);
  outcome.gradient_norm = minimised.gradient_norm;
  outcome.converged = outcome.inequality->holds && minimised.at_rest && (inner_.tolerance == 0 || minimised.settled);
  if (order_ == 2) outcome.position.memory = start.position.parameters;
  return outcome;
}

StepOutcome ProximalSolver::Minimum(const Position& before, double tau, Course& course) {
  Start start{.position = before, .weights = WeightsFrom(before, tau), .batch = context_.evaluator.BatchAt(before.parameters)};
  start.energy = context_.evaluator.EnergyOf(start.batch);
  if (before.memory.defined()) {
    start.second = context_.evaluator.BatchAt(before.memory).x;
    start.moved = proximity_->Evaluate(start.batch.x, start.second);
  }
  StepOutcome best;
  for (int attempt = 0; attempt < inner_.max_attempts; ++attempt) {
    const int total = course.done + inner_.iterations + course.to_come;
    const auto objective = [&](const at::Tensor& leaf) { return Objective(leaf, start, course.step, course.draw++); };
    const auto on_iteration = [&](double value) { course.progress(total, value); };
    const Minimisation minimised =
        Minimise(candidate_->Start(before), inner_, std::pow(kRetryRate, attempt), objective, course.stop, on_iteration);
    course.done += minimised.iterations;
    StepOutcome outcome;
    outcome.stopped = minimised.stopped;
    outcome.divergence = minimised.divergence;
    if (!outcome.stopped && !outcome.divergence.has_value()) outcome = Judge(minimised, start);
    if (outcome.stopped || outcome.divergence.has_value()) return outcome;
    if (best.position.parameters.defined() && best.inequality->slack >= outcome.inequality->slack) continue;
    best = std::move(outcome);
    if (best.inequality->holds) break;
  }
  return best;
}

StepOutcome ProximalSolver::InHalves(const Position& before, Course& course) {
  course.to_come = inner_.iterations;
  StepOutcome half = Minimum(before, tau_ / 2, course);
  if (half.stopped || half.divergence.has_value()) return half;
  course.to_come = 0;
  StepOutcome whole = Minimum(half.position, tau_ / 2, course);
  if (whole.stopped || whole.divergence.has_value()) return whole;
  whole.position.memory = before.parameters;
  Evaluator& evaluator = context_.evaluator;
  whole.distance = proximity_->Evaluate(evaluator.BatchAt(whole.position.parameters).x, evaluator.BatchAt(before.parameters).x);
  whole.inequality->slack += half.inequality->slack;
  // Both are of the same samples.
  whole.inequality->standard_error += half.inequality->standard_error;
  whole.inequality->holds = whole.inequality->holds && half.inequality->holds;
  whole.converged = whole.converged && half.converged;
  return whole;
}

StepOutcome ProximalSolver::Step(int step, const Position& before, const StopLatch& stop, InnerCallback progress) {
  Course course{.step = static_cast<uint64_t>(step), .stop = stop, .progress = progress};
  const bool in_halves = order_ == 2 && !before.memory.defined();
  StepOutcome outcome = in_halves ? InHalves(before, course) : Minimum(before, tau_, course);
  outcome.inner_iterations = course.done;
  return outcome;
}

}  // namespace sliceflow::engine
