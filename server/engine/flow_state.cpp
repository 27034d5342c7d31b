#include "server/engine/flow_state.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "absl/strings/str_cat.h"
#include "server/engine/initial/registry.h"
#include "server/engine/models/registry.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr double kExplosion = 1e6;             // in units of ρ₀'s extent
constexpr double kBaseShareOfDiffusion = 0.1;  // least deviation of a fitted base, of √(2dτ), what diffusion covers in a step
constexpr int64_t kMetricSamples = 20000;
// Noise is drawn in blocks with seeds of their own: a longer draw begins with the rows of a shorter one.
constexpr int64_t kBlock = 1024;

double Extent(const InitialDistribution& initial) {
  const double mean = initial.mean().abs().max().item<double>();
  const double deviation = initial.deviation().max().item<double>();
  return std::max(1.0, mean + deviation);
}

}  // namespace

// What came of one attempt at a step.
struct FlowState::Candidate {
  at::Tensor parameters;
  Energy energy;
  SlicedDistance::Result distance;
  EnergyInequality inequality;
  std::optional<Divergence> divergence;
};

FlowState::FlowState(FlowSpec spec) : spec_(std::move(spec)), fingerprint_(Fingerprint(spec_)) {
  const auto& solver = std::get<SwJkoSolver>(spec_.solver);
  const int dimension = spec_.dimension;
  initial_ = MakeInitial(spec_.initial, dimension);
  at::Generator base_random = MakeGenerator(spec_.seed, Purpose::kBase);
  const double diffusion = std::sqrt(2 * dimension * spec_.sliced_step_size);
  model_ = MakeModel(spec_.model, dimension, initial_, kBaseShareOfDiffusion * diffusion, base_random);
  terms_ = MakeTerms(spec_.terms, {.dimension = dimension, .batch_size = solver.batch_size, .seed = spec_.seed});
  metrics_ = MakeMetrics(spec_);
  evaluator_ = std::make_unique<Evaluator>(*model_, terms_, dimension, solver.num_projections, spec_.seed);
  solver_ = std::make_unique<SwJko>(solver, *model_, terms_, dimension, spec_.sliced_step_size, kExplosion * Extent(*initial_), spec_.seed);
}

absl::Status FlowState::Start(const StopLatch& stop) {
  at::Generator random = MakeGenerator(spec_.seed, model_->exact() ? Purpose::kInitialPositions : Purpose::kInitialParameters);
  at::Tensor parameters = model_->InitialParameters(random).contiguous();
  report_ = NewReport(0);
  if (!model_->starts_exact()) {
    const Minimisation fitted = solver_->Fit(*initial_, parameters, stop);
    if (fitted.stopped) return absl::CancelledError("stopped while the model was fitted to the initial distribution");
    if (fitted.divergence.has_value()) {
      return absl::InternalError(absl::StrCat("the fit to the initial distribution diverged: ", fitted.divergence->detail));
    }
    parameters = fitted.parameters;
    report_.inner_iterations = fitted.iterations;
    report_.gradient_norm = fitted.gradient_norm;
    at::Generator sample_random = MakeGenerator(spec_.seed, Purpose::kInitialPositions);
    const Batch target{.x = initial_->Sample(Evaluator::kBatch, sample_random), .log_density = {}};
    const SlicedDistance::Result residual = evaluator_->Distance(evaluator_->BatchAt(parameters), target);
    report_.distance_squared = residual.value;
    report_.distance_standard_error = residual.standard_error;
  }
  const Energy energy = evaluator_->EnergyOf(evaluator_->BatchAt(parameters));
  if (energy.divergence.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(energy.divergence->term, ": at the initial distribution ", energy.divergence->detail));
  }
  report_.energy = energy.total;
  report_.energy_standard_error = evaluator_->StandardError(energy);
  report_.term_energies = energy.terms;
  parameters_ = parameters;
  report_.metrics = ComputeMetrics(parameters_, 0);
  return absl::OkStatus();
}

absl::Status FlowState::Resume(absl::string_view checkpoint) {
  absl::StatusOr<CheckpointState> state = DecodeCheckpoint(fingerprint_, checkpoint);
  if (!state.ok()) return state.status();
  const bool fits = static_cast<int64_t>(state->parameters.size()) == model_->num_parameters() && state->report.step >= 0 &&
                    state->report.step <= spec_.num_steps;
  if (!fits) return absl::DataLossError("checkpoint does not fit its specification");
  parameters_ = at::tensor(state->parameters, at::kFloat);
  report_ = std::move(state->report);
  return absl::OkStatus();
}

StepReport FlowState::NewReport(int step) const {
  StepReport report;
  report.step = step;
  report.sliced_time = step * spec_.sliced_step_size;
  report.wasserstein_time = spec_.dimension * report.sliced_time;
  return report;
}

FlowState::Candidate FlowState::Judge(const Minimisation& minimised, const Energy& before, const Batch& before_batch) {
  Candidate candidate{.parameters = minimised.parameters};
  const Batch batch = evaluator_->BatchAt(minimised.parameters);
  candidate.divergence = CheckBatch(batch, kExplosion * Extent(*initial_));
  if (candidate.divergence.has_value()) return candidate;
  candidate.energy = evaluator_->EnergyOf(batch);
  candidate.divergence = candidate.energy.divergence;
  if (candidate.divergence.has_value()) return candidate;
  candidate.distance = evaluator_->Distance(batch, before_batch);
  candidate.inequality = evaluator_->Inequality(before, candidate.energy, candidate.distance, spec_.sliced_step_size);
  return candidate;
}

StepResult FlowState::Step(const StopLatch& stop, absl::FunctionRef<void(const InnerProgress&)> progress) {
  const auto& solver = std::get<SwJkoSolver>(spec_.solver);
  const Batch before_batch = evaluator_->BatchAt(parameters_);
  const Energy before = evaluator_->EnergyOf(before_batch);
  StepReport report = NewReport(report_.step + 1);
  InnerProgress inner{.step = report.step};
  const auto on_iteration = [&](int /*iteration*/, double value) {
    ++inner.iteration;
    inner.loss = value;
    progress(inner);
  };
  Candidate best;
  for (int attempt = 0; attempt < solver.max_attempts; ++attempt) {
    inner.total_iterations += solver.inner_iterations;
    const Minimisation minimised = solver_->Attempt(report.step, attempt, parameters_, stop, on_iteration);
    if (minimised.stopped) return {.termination = Terminate(Termination::Reason::kStopped, {}, before.total)};
    if (minimised.divergence.has_value()) {
      return {.termination = Terminate(Termination::Reason::kDiverged, *minimised.divergence, before.total)};
    }
    Candidate candidate = Judge(minimised, before, before_batch);
    if (candidate.divergence.has_value()) {
      return {.termination = Terminate(Termination::Reason::kDiverged, *candidate.divergence, before.total)};
    }
    report.inner_iterations += minimised.iterations;
    if (best.parameters.defined() && best.inequality.slack >= candidate.inequality.slack) continue;
    report.gradient_norm = minimised.gradient_norm;
    best = std::move(candidate);
    if (best.inequality.holds) break;
  }
  report.energy = best.energy.total;
  report.energy_standard_error = evaluator_->StandardError(best.energy);
  report.term_energies = best.energy.terms;
  report.distance_squared = best.distance.value;
  report.distance_standard_error = best.distance.standard_error;
  report.energy_inequality = best.inequality;
  report.metrics = ComputeMetrics(best.parameters, report.wasserstein_time);
  parameters_ = best.parameters;
  report_ = report;
  return {.report = std::move(report)};
}

Termination FlowState::Terminate(Termination::Reason reason, const Divergence& cause, double last_energy) const {
  return {.reason = reason, .step = report_.step + 1, .term = cause.term, .last_finite_energy = last_energy, .detail = cause.detail};
}

std::vector<Metric> FlowState::ComputeMetrics(const at::Tensor& parameters, double wasserstein_time) const {
  std::vector<Metric> all;
  if (metrics_.empty()) return all;
  const at::NoGradGuard no_graph;
  const int64_t count = model_->exact() ? model_->max_samples() : kMetricSamples;
  const at::Tensor x = TransportInBlocks(parameters, count, Purpose::kMetrics, spec_.seed);
  for (const std::unique_ptr<StepMetric>& metric : metrics_) {
    std::vector<Metric> figures = metric->Compute(x, wasserstein_time);
    all.insert(all.end(), figures.begin(), figures.end());
  }
  return all;
}

at::Tensor FlowState::TransportInBlocks(const at::Tensor& parameters, int64_t count, Purpose purpose, uint64_t seed) const {
  const at::NoGradGuard no_graph;
  if (model_->exact()) {
    at::Generator random = MakeGenerator(seed, purpose);
    return model_->Transport(parameters, model_->Draw(count, /*paired=*/false, random)).x;
  }
  std::vector<at::Tensor> blocks;
  for (int64_t first = 0; first < count; first += kBlock) {
    at::Generator random = MakeGenerator(seed, purpose, static_cast<uint64_t>(first / kBlock));
    const at::Tensor block = model_->Transport(parameters, model_->Draw(kBlock, /*paired=*/false, random)).x;
    blocks.push_back(block.narrow(0, 0, std::min(kBlock, count - first)));
  }
  return at::cat(blocks);
}

at::Tensor FlowState::Samples(int64_t count, std::optional<uint64_t> seed) const {
  if (seed.has_value()) return TransportInBlocks(parameters_, count, Purpose::kSamples, *seed);
  // Particles follow themselves: the first rows, which were drawn in random order.
  if (model_->exact()) return parameters_.view({-1, spec_.dimension}).narrow(0, 0, count);
  return TransportInBlocks(parameters_, count, Purpose::kTrajectory, spec_.seed);
}

at::Tensor FlowState::LogDensity(const at::Tensor& points) const {
  const at::NoGradGuard no_graph;
  return model_->LogDensity(parameters_, points);
}

std::string FlowState::Save() const {
  const at::Tensor flat = parameters_.contiguous();
  const float* data = flat.const_data_ptr<float>();
  return EncodeCheckpoint(fingerprint_, {.report = report_, .parameters = {data, data + flat.numel()}});
}

}  // namespace sliceflow::engine
