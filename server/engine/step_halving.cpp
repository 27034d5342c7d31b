#include "server/engine/step_halving.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "server/engine/checkpoint.h"
#include "server/engine/directions.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kSamples = 4096;
constexpr int64_t kProjections = 500;
constexpr int kStepsOfAll = 7;  // 1 + 2 + 4

int Refinement(size_t flow) { return 1 << flow; }

FlowSpec Refined(FlowSpec spec, size_t flow) {
  spec.step_halving = false;
  spec.sliced_step_size /= Refinement(flow);
  spec.num_steps *= Refinement(flow);
  if (spec.origin.has_value()) spec.origin->step *= Refinement(flow);
  if (flow > 0) spec.metrics.clear();
  return spec;
}

}  // namespace

StepHalving::StepHalving(const FlowSpec& spec, uint64_t fingerprint) : fingerprint_(fingerprint) {
  for (size_t i = 0; i < kFlows; ++i) flows_[i] = MakeCore(Refined(spec, i));
  at::Generator random = MakeGenerator(spec.seed, Purpose::kStepHalving);
  directions_ = DrawDirections(ProjectionSampling::kAutomatic, kProjections, spec.dimension, random);
}

absl::Status StepHalving::Start(const StopLatch& stop, ProgressCallback progress) {
  for (const std::unique_ptr<FlowCore>& flow : flows_) {
    absl::Status started = flow->Start(stop, progress);
    if (!started.ok()) return started;
  }
  Report(asked().report().converged);
  return absl::OkStatus();
}

absl::StatusOr<CheckpointState> StepHalving::Decode(uint64_t fingerprint, absl::string_view checkpoint) {
  absl::StatusOr<CheckpointState> state = DecodeCheckpoint(fingerprint, checkpoint);
  if (state.ok() && state->parts.size() != kFlows) return absl::DataLossError("checkpoint does not fit its specification");
  return state;
}

absl::Status StepHalving::Resume(absl::string_view checkpoint) {
  absl::StatusOr<CheckpointState> state = Decode(fingerprint_, checkpoint);
  if (!state.ok()) return state.status();
  return Take(*std::move(state), [&](size_t i, absl::string_view part) { return flows_[i]->Resume(part); });
}

absl::Status StepHalving::Adopt(const FlowSpec& parent, absl::string_view checkpoint) {
  absl::StatusOr<CheckpointState> state = Decode(Fingerprint(parent), checkpoint);
  if (!state.ok()) return state.status();
  return Take(*std::move(state), [&](size_t i, absl::string_view part) { return flows_[i]->Adopt(Refined(parent, i), part); });
}

absl::StatusOr<std::string> StepHalving::AskedPart(const FlowSpec& spec, absl::string_view checkpoint) {
  absl::StatusOr<CheckpointState> state = Decode(Fingerprint(spec), checkpoint);
  if (!state.ok()) return state.status();
  return std::move(state->parts[0]);
}

absl::Status StepHalving::Take(CheckpointState state, absl::FunctionRef<absl::Status(size_t flow, absl::string_view part)> put) {
  for (size_t i = 0; i < kFlows; ++i) {
    absl::Status resumed = put(i, state.parts[i]);
    if (!resumed.ok()) return resumed;
    if (flows_[i]->report().step != state.report.step * Refinement(i)) {
      return absl::DataLossError("checkpoint has flows at different times");
    }
  }
  report_ = std::move(state.report);
  return absl::OkStatus();
}

StepResult StepHalving::Step(const StopLatch& stop, ProgressCallback progress) {
  const std::array<std::string, kFlows> before = SaveAll();
  std::optional<Termination> termination;
  const bool converged = StepAll(stop, progress, termination);
  if (!termination.has_value()) {
    Report(converged);
    return {.report = report_};
  }
  RewindTo(before);
  termination->step = report_.step + 1;
  termination->last_finite_energy = report_.energy;
  return {.termination = std::move(termination)};
}

bool StepHalving::StepAll(const StopLatch& stop, ProgressCallback progress, std::optional<Termination>& termination) {
  bool converged = true;
  InnerProgress told{.step = report_.step + 1};
  int begun = 0, to_come = kStepsOfAll;  // iterations before the present step of a flow, and steps from it on
  const auto tell = [&](const InnerProgress& inner) {
    ++told.iteration;
    // As if those to come took as many: a first step of second order takes twice as many as others.
    told.total_iterations = begun + to_come * inner.total_iterations;
    told.loss = inner.loss;
    progress(told);
  };
  for (size_t i = 0; i < kFlows; ++i) {
    for (int step = 0; step < Refinement(i); ++step) {
      StepResult result = flows_[i]->Step(stop, tell);
      if (result.termination.has_value()) {
        termination = std::move(result.termination);
        if (i > 0) absl::StrAppend(&termination->detail, termination->detail.empty() ? "" : ", ", "with steps of 1/", Refinement(i));
        return false;
      }
      converged = converged && result.report.converged;
      begun = told.iteration;
      --to_come;
    }
  }
  return converged;
}

void StepHalving::Report(bool converged) {
  report_ = asked().report();
  report_.converged = converged;
  const Metric coarse = Difference(0);
  report_.metrics.push_back({"step_halving_difference", coarse.value, coarse.standard_error});
  const Metric fine = Difference(1);
  // Where nothing moves there is no order.
  if (report_.step == 0 || coarse.value == 0 || fine.value == 0) return;
  report_.metrics.push_back({"step_halving_order", std::log2(coarse.value / fine.value),
                             std::hypot(coarse.standard_error / coarse.value, fine.standard_error / fine.value) / std::numbers::ln2});
}

Metric StepHalving::Difference(size_t coarse) const {
  const int64_t count = std::min(kSamples, max_samples());
  SlicedDistance distance;
  const SlicedDistance::Result squared =
      distance.Evaluate(flows_[coarse]->Samples(count, std::nullopt), flows_[coarse + 1]->Samples(count, std::nullopt), directions_,
                        /*with_gradient=*/false);
  const double value = std::sqrt(squared.value);
  return {.value = value, .standard_error = value > 0 ? squared.standard_error / (2 * value) : 0};
}

std::array<std::string, StepHalving::kFlows> StepHalving::SaveAll() const {
  std::array<std::string, kFlows> saved;
  for (size_t i = 0; i < kFlows; ++i) saved[i] = flows_[i]->Save();
  return saved;
}

void StepHalving::RewindTo(const std::array<std::string, kFlows>& saved) {
  for (size_t i = 0; i < kFlows; ++i) {
    const absl::Status rewound = flows_[i]->Resume(saved[i]);
    TORCH_CHECK(rewound.ok(), std::string(rewound.message()));
  }
}

std::string StepHalving::Save() const {
  const std::array<std::string, kFlows> saved = SaveAll();
  return EncodeCheckpoint(fingerprint_, {.report = report_, .parts = {saved.begin(), saved.end()}});
}

}  // namespace sliceflow::engine
