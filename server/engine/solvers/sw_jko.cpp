#include "server/engine/solvers/sw_jko.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "absl/strings/str_cat.h"
#include "server/engine/directions.h"
#include "server/engine/evaluation.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr int kLeastFitIterations = 500;
constexpr double kRetryRate = 1.0 / 3;  // of the learning rate of the attempt before

}  // namespace

SwJko::SwJko(const SwJkoSolver& spec, const Model& model, std::vector<Term>& terms, int dimension, double tau, double limit, uint64_t seed)
    : spec_(spec), model_(model), terms_(terms), dimension_(dimension), tau_(tau), limit_(limit), seed_(seed) {}

// The samples of ρ and of ρ_k come from the same noise. Both are then right in law; at ρ = ρ_k the distance and its gradient are exactly 0
// where independent batches would leave a bias of order 1/n and noise of order 1/√n pulling the model about.
ObjectiveValue SwJko::Objective(const at::Tensor& leaf, const at::Tensor& previous, at::Generator& random) {
  const Noise noise = model_.Draw(model_.exact() ? model_.max_samples() : spec_.batch_size, /*paired=*/true, random);
  const Batch batch = model_.Transport(leaf, noise);
  ObjectiveValue result;
  result.divergence = CheckBatch(batch, limit_);
  if (result.divergence.has_value()) return result;
  std::vector<TermValue> values;
  for (const Term& term : terms_) {
    values.push_back(term.functional->Evaluate(batch, {.random = random, .thorough = false, .with_gradient = true}));
    if (!std::isfinite(values.back().value)) {
      result.divergence = Divergence{term.name, absl::StrCat("its value is ", values.back().value)};
      return result;
    }
  }

  at::Tensor before;
  {
    const at::NoGradGuard no_graph;
    before = model_.Transport(previous, noise).x;
  }
  const at::Tensor distance = distance_.Differentiable(batch.x, before, DrawDirections(spec_.num_projections, dimension_, random));
  result.loss = distance / (2 * tau_);
  result.value = result.loss.item<double>();
  for (size_t i = 0; i < terms_.size(); ++i) {
    result.loss = result.loss + Differentiable(values[i], batch) * terms_[i].weight;
    result.value += terms_[i].weight * values[i].value;
  }
  return result;
}

Minimisation SwJko::Attempt(int step, int attempt, const at::Tensor& previous, const StopLatch& stop,
                            absl::FunctionRef<void(int iteration, double value)> progress) {
  at::Generator random = MakeGenerator(seed_, Purpose::kInner, static_cast<uint64_t>(step), static_cast<uint64_t>(attempt));
  const auto objective = [&](const at::Tensor& leaf, int /*iteration*/) { return Objective(leaf, previous, random); };
  AdamOptions adam = spec_.adam;
  adam.learning_rate *= std::pow(kRetryRate, attempt);
  return Minimise(previous, adam, spec_.inner_iterations, objective, stop, progress);
}

Minimisation SwJko::Fit(const InitialDistribution& initial, const at::Tensor& start, const StopLatch& stop) {
  at::Generator random = MakeGenerator(seed_, Purpose::kFit);
  const auto objective = [&](const at::Tensor& leaf, int /*iteration*/) {
    const Batch batch = model_.Transport(leaf, model_.Draw(spec_.batch_size, /*paired=*/true, random));
    ObjectiveValue result;
    result.divergence = CheckBatch(batch, limit_);
    if (result.divergence.has_value()) return result;
    const at::Tensor target = initial.Sample(spec_.batch_size, random);
    result.loss = distance_.Differentiable(batch.x, target, DrawDirections(spec_.num_projections, dimension_, random));
    result.value = result.loss.item<double>();
    return result;
  };
  return Minimise(start, spec_.adam, std::max(kLeastFitIterations, 2 * spec_.inner_iterations), objective, stop, [](int, double) {});
}

}  // namespace sliceflow::engine
