#include "server/engine/flow_state.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "absl/strings/str_cat.h"
#include "server/engine/dense.h"
#include "server/engine/fork.h"
#include "server/engine/initial/registry.h"
#include "server/engine/initial_fit.h"
#include "server/engine/models/registry.h"
#include "server/engine/random.h"
#include "server/engine/solvers/registry.h"

namespace sliceflow::engine {
namespace {

constexpr double kExplosion = 1e4;             // in units of ρ₀'s extent
constexpr double kBaseShareOfDiffusion = 0.1;  // least deviation of a fitted base, of √(2dτ), what diffusion covers in a step
constexpr int64_t kMetricSamples = 20000;
// Noise is drawn in blocks with seeds of their own: a longer draw begins with the rows of a shorter one.
constexpr int64_t kBlock = 1024;

double Extent(const InitialDistribution& initial) {
  const double mean = initial.mean().abs().max().item<double>();
  const double deviation = initial.deviation().max().item<double>();
  return std::max(1.0, mean + deviation);
}

// Tells `progress` of each iteration; `inner` counts them.
auto Counting(InnerProgress& inner, ProgressCallback progress) {
  return [&inner, progress](int total_iterations, double value) {
    ++inner.iteration;
    inner.total_iterations = total_iterations;
    inner.loss = value;
    progress(inner);
  };
}

}  // namespace

FlowState::FlowState(FlowSpec spec, uint64_t fingerprint) : spec_(std::move(spec)), fingerprint_(fingerprint) {
  const int dimension = spec_.dimension;
  initial_ = MakeInitial(spec_.initial, dimension);
  terms_ = MakeTerms(spec_.terms, {.dimension = dimension, .batch_size = InnerOf(spec_.solver).batch_size, .seed = spec_.seed});
  metrics_ = MakeMetrics(spec_);
  limit_ = kExplosion * Extent(*initial_);
}

void FlowState::StandOn(const ModelGround& ground) {
  if (solver_ != nullptr && ground_ == ground) return;
  const int dimension = spec_.dimension;
  ground_ = ground;
  solver_ = nullptr;  // it, the evaluator and what is followed borrow the model
  followed_.clear();
  evaluator_ = nullptr;
  at::Generator base_random = MakeGenerator(ground.seed, Purpose::kBase);
  const double diffusion = std::sqrt(2 * dimension * ground.sliced_step_size);
  model_ = MakeModel(spec_.model, spec_.solver, dimension, initial_, kBaseShareOfDiffusion * diffusion, base_random);
  evaluator_ = std::make_unique<Evaluator>(*model_, terms_, spec_.seed);
  solver_ = MakeSolver(spec_.solver, {.spec = spec_,
                                      .model = *model_,
                                      .terms = terms_,
                                      .evaluator = *evaluator_,
                                      .dimension = dimension,
                                      .sliced_step_size = spec_.sliced_step_size,
                                      .limit = limit_,
                                      .seed = spec_.seed});
}

absl::Status FlowState::FitToInitial(at::Tensor& parameters, const StopLatch& stop, ProgressCallback progress) {
  InnerProgress inner;
  const InitialFit fit =
      engine::FitToInitial(*model_, *initial_, parameters, InnerOf(spec_.solver), limit_, spec_.seed, stop, Counting(inner, progress));
  if (fit.minimised.stopped) return absl::CancelledError("stopped while the model was fitted to the initial distribution");
  if (fit.minimised.divergence.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("the fit to the initial distribution diverged: ", fit.minimised.divergence->detail,
                                                   "; a smaller solver learningRate may help"));
  }
  parameters = fit.minimised.parameters;
  report_.inner_iterations = fit.minimised.iterations;
  report_.gradient_norm = fit.minimised.gradient_norm;
  report_.converged = fit.minimised.at_rest;
  report_.distance_squared = fit.residual.value;
  report_.distance_standard_error = fit.residual.standard_error;
  return absl::OkStatus();
}

absl::Status FlowState::Start(const StopLatch& stop, ProgressCallback progress) {
  StandOn({.seed = spec_.seed, .sliced_step_size = spec_.sliced_step_size});
  at::Generator random = MakeGenerator(spec_.seed, model_->exact() ? Purpose::kInitialPositions : Purpose::kInitialParameters);
  at::Tensor parameters = model_->InitialParameters(random).contiguous();
  report_ = NewReport(0);
  if (!model_->starts_exact()) {
    absl::Status fitted = FitToInitial(parameters, stop, progress);
    if (!fitted.ok()) return fitted;
  }
  position_ = {.parameters = parameters};
  const std::optional<Energy> exact = solver_->ExactEnergy(position_);
  const Energy energy = exact.has_value() ? *exact : evaluator_->EnergyOf(evaluator_->BatchAt(parameters));
  if (energy.divergence.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(energy.divergence->term, ": at the initial distribution ", energy.divergence->detail));
  }
  report_.energy = energy.total;
  report_.energy_standard_error = evaluator_->StandardError(energy);
  report_.term_energies = energy.terms;
  report_.metrics = ComputeMetrics(parameters, 0);
  if (const std::optional<Divergence> wrong = CheckFigures(report_.metrics)) {
    return absl::InvalidArgumentError(absl::StrCat(wrong->term, ": at the initial distribution ", wrong->detail));
  }
  return absl::OkStatus();
}

absl::Status FlowState::Adopt(const FlowSpec& parent, absl::string_view checkpoint) {
  return Take(Fingerprint(parent), KeepsMemory(spec_, parent), checkpoint);
}

absl::Status FlowState::Take(uint64_t fingerprint, bool with_memory, absl::string_view checkpoint) {
  absl::StatusOr<CheckpointState> state = DecodeCheckpoint(fingerprint, checkpoint);
  if (!state.ok()) return state.status();
  const int step = state->report.step;
  absl::Status misfit = absl::DataLossError("checkpoint does not fit its specification");
  const double ground = state->ground.sliced_step_size;
  if (step < 0 || step > spec_.num_steps || !state->parts.empty() || !(std::isfinite(ground) && ground > 0)) return misfit;
  StandOn(state->ground);
  if (!with_memory) state->memory.clear();
  const int64_t memory_size = with_memory ? solver_->MemorySize(step) : 0;
  const bool fits = static_cast<int64_t>(state->parameters.size()) == solver_->ParameterCount(step) &&
                    static_cast<int64_t>(state->memory.size()) == memory_size;
  if (!fits) return misfit;
  position_ = {.parameters = at::tensor(state->parameters, at::kFloat)};
  if (!state->memory.empty()) position_.memory = at::tensor(state->memory, at::kFloat);
  report_ = std::move(state->report);
  return absl::OkStatus();
}

StepReport FlowState::NewReport(int step) const {
  StepReport report;
  report.step = step;
  const ForkOrigin origin = spec_.origin.value_or(ForkOrigin{});
  report.sliced_time = origin.sliced_time + (step - origin.step) * spec_.sliced_step_size;
  report.wasserstein_time = spec_.dimension * report.sliced_time;
  return report;
}

StepResult FlowState::Step(const StopLatch& stop, ProgressCallback progress) {
  StepReport report = NewReport(report_.step + 1);
  InnerProgress inner{.step = report.step};
  StepOutcome outcome = solver_->Step(report.step, position_, stop, Counting(inner, progress));
  if (outcome.stopped) return {.termination = Terminate(Termination::Reason::kStopped, {})};
  if (!outcome.divergence.has_value() && !std::isfinite(outcome.distance.value)) {
    outcome.divergence = Divergence{"model", absl::StrCat("the squared distance moved is ", outcome.distance.value)};
  }
  if (outcome.divergence.has_value()) return {.termination = Terminate(Termination::Reason::kDiverged, *outcome.divergence)};
  report.energy = outcome.energy.total;
  report.energy_standard_error = evaluator_->StandardError(outcome.energy);
  report.term_energies = outcome.energy.terms;
  report.distance_squared = outcome.distance.value;
  report.distance_standard_error = outcome.distance.standard_error;
  report.energy_inequality = outcome.inequality;
  report.inner_iterations = outcome.inner_iterations;
  report.gradient_norm = outcome.gradient_norm;
  report.converged = outcome.converged;
  report.metrics = ComputeMetrics(outcome.position.parameters, report.wasserstein_time);
  report.metrics.insert(report.metrics.end(), outcome.figures.begin(), outcome.figures.end());
  if (const std::optional<Divergence> wrong = CheckFigures(report.metrics)) {
    return {.termination = Terminate(Termination::Reason::kDiverged, *wrong)};
  }
  position_ = std::move(outcome.position);
  report_ = report;
  return {.report = std::move(report)};
}

Termination FlowState::Terminate(Termination::Reason reason, const Divergence& cause) const {
  return {.reason = reason, .step = report_.step + 1, .term = cause.term, .last_finite_energy = report_.energy, .detail = cause.detail};
}

std::vector<Metric> FlowState::ComputeMetrics(const at::Tensor& parameters, double wasserstein_time) const {
  std::vector<Metric> all;
  if (metrics_.empty()) return all;
  const at::NoGradGuard no_graph;
  const int64_t count = model_->exact() ? model_->max_samples() : kMetricSamples;
  const Batch batch = TransportInBlocks(parameters, count, Purpose::kMetrics, spec_.seed);
  for (const std::unique_ptr<StepMetric>& metric : metrics_) {
    std::vector<Metric> figures = metric->Compute(batch, wasserstein_time);
    all.insert(all.end(), figures.begin(), figures.end());
  }
  return all;
}

Batch FlowState::TransportInBlocks(const at::Tensor& parameters, int64_t count, Purpose purpose, uint64_t seed) const {
  const at::NoGradGuard no_graph;
  if (model_->exact()) {
    at::Generator random = MakeGenerator(seed, purpose);
    return model_->Transport(parameters, model_->Draw(count, /*paired=*/false, random));
  }
  // What a caller's seed draws is asked for once; the rest at every step, by what the model has grown since.
  const bool follows = model_->grows() && purpose != Purpose::kSamples;
  const Batch batch = follows ? Followed(count, purpose, seed).At(parameters)
                              : FollowedBatch(*model_, NoiseInBlocks(count, purpose, seed), kBlock).At(parameters);
  return {batch.x.narrow(0, 0, count), batch.log_density.defined() ? batch.log_density.narrow(0, 0, count) : at::Tensor()};
}

Noise FlowState::NoiseInBlocks(int64_t count, Purpose purpose, uint64_t seed) const {
  std::vector<at::Tensor> z, log_density;
  for (int64_t first = 0; first < count; first += kBlock) {
    at::Generator random = MakeGenerator(seed, purpose, static_cast<uint64_t>(first / kBlock));
    const Noise block = model_->Draw(kBlock, /*paired=*/false, random);
    z.push_back(block.z);
    if (block.log_density.defined()) log_density.push_back(block.log_density);
  }
  return {.z = at::cat(z), .log_density = log_density.empty() ? at::Tensor() : at::cat(log_density)};
}

FollowedBatch& FlowState::Followed(int64_t count, Purpose purpose, uint64_t seed) const {
  const auto followed = followed_.find({purpose, seed});
  if (followed != followed_.end() && followed->second.count() >= count) return followed->second;
  FollowedBatch batch(*model_, NoiseInBlocks(count, purpose, seed), kBlock);
  return followed_.insert_or_assign({purpose, seed}, std::move(batch)).first->second;
}

at::Tensor FlowState::Samples(int64_t count, std::optional<uint64_t> seed) const {
  if (seed.has_value()) return TransportInBlocks(position_.parameters, count, Purpose::kSamples, *seed).x;
  // Particles follow themselves: the first rows, which were drawn in random order.
  if (model_->exact()) return position_.parameters.view({-1, spec_.dimension}).narrow(0, 0, count);
  // By the seed of step 0, so that rows follow their trajectories into a fork with another.
  return TransportInBlocks(position_.parameters, count, Purpose::kTrajectory, ground_.seed).x;
}

at::Tensor FlowState::LogDensity(const at::Tensor& points) const {
  const at::NoGradGuard no_graph;
  return model_->LogDensity(position_.parameters, points);
}

std::string FlowState::Save() const {
  return EncodeCheckpoint(
      fingerprint_,
      {.report = report_, .ground = ground_, .parameters = ToFloats(position_.parameters), .memory = ToFloats(position_.memory)});
}

}  // namespace sliceflow::engine
