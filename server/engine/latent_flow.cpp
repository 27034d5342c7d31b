#include "server/engine/latent_flow.h"

#include <utility>
#include <variant>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "server/engine/checkpoint.h"
#include "server/engine/dense.h"
#include "server/engine/fork.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kMetricSamples = 8192;

}  // namespace

LatentFlow::LatentFlow(FlowSpec spec, uint64_t fingerprint)
    : spec_(std::move(spec)), fingerprint_(fingerprint), auto_encoder_(spec_.dimension, *spec_.latent), metrics_(MakeMetrics(spec_)) {}

TablePtr LatentFlow::Encoded(const Table& table) const {
  const at::Tensor codes = auto_encoder_.Encode(parameters_, ViewOf(table));
  return std::make_shared<const Table>(Table{.rows = codes.size(0), .columns = codes.size(1), .values = ToFloats(codes)});
}

FlowSpec LatentFlow::BetweenCodes() const {
  FlowSpec inner = spec_;
  inner.dimension = spec_.latent->dimension;
  inner.latent.reset();
  inner.metrics.clear();
  if (auto* rows = std::get_if<Empirical>(&inner.initial)) rows->table = Encoded(*rows->table);
  for (WeightedTerm& term : inner.terms) {
    const auto encode = [this](auto& kind) {
      if constexpr (requires { kind.table; }) kind.table = Encoded(*kind.table);
    };
    std::visit(encode, term.term);
  }
  return inner;
}

void LatentFlow::Enter(at::Tensor parameters) {
  parameters_ = std::move(parameters);
  // Under the fingerprint of the whole: codes are what parameters and data make them, up to the rounding of the machine.
  inner_ = std::make_unique<FlowState>(BetweenCodes(), fingerprint_);
}

absl::Status LatentFlow::Start(const StopLatch& stop, ProgressCallback progress) {
  AutoEncoder::Training training = auto_encoder_.Train(ViewOf(*spec_.latent->table), *spec_.latent, spec_.seed, stop, progress);
  if (training.minimised.stopped) return absl::CancelledError("stopped while the auto-encoder was trained");
  if (training.minimised.divergence.has_value()) {
    return absl::InternalError(absl::StrCat("the auto-encoder's training diverged: ", training.minimised.divergence->detail));
  }
  Enter(std::move(training.minimised.parameters));
  absl::Status started = inner_->Start(stop, progress);
  if (!started.ok()) return started;
  Report();
  report_.metrics.push_back({"reconstruction_error", training.lost.value, training.lost.standard_error});
  if (const std::optional<Divergence> wrong = CheckFigures(report_.metrics)) {
    return absl::InvalidArgumentError(absl::StrCat(wrong->term, ": at the initial distribution ", wrong->detail));
  }
  return absl::OkStatus();
}

absl::Status LatentFlow::Adopt(const FlowSpec& parent, absl::string_view checkpoint) {
  return Take(Fingerprint(parent), KeepsMemory(spec_, parent), checkpoint);
}

absl::Status LatentFlow::Take(uint64_t fingerprint, bool with_memory, absl::string_view checkpoint) {
  absl::StatusOr<CheckpointState> state = DecodeCheckpoint(fingerprint, checkpoint);
  if (!state.ok()) return state.status();
  const bool fits = state->parts.size() == 1 && static_cast<int64_t>(state->parameters.size()) == auto_encoder_.num_parameters();
  if (!fits) return absl::DataLossError("checkpoint does not fit its specification");
  Enter(at::tensor(state->parameters, at::kFloat));
  absl::Status resumed = inner_->Take(fingerprint, with_memory, state->parts[0]);
  if (!resumed.ok()) return resumed;
  report_ = std::move(state->report);
  return absl::OkStatus();
}

StepResult LatentFlow::Step(const StopLatch& stop, ProgressCallback progress) {
  StepResult result = inner_->Step(stop, progress);
  if (result.termination.has_value()) return result;
  const double energy_before = report_.energy;
  Report();
  if (const std::optional<Divergence> wrong = CheckFigures(report_.metrics)) {
    return {.termination = Termination{.reason = Termination::Reason::kDiverged,
                                       .step = report_.step,
                                       .term = wrong->term,
                                       .last_finite_energy = energy_before,
                                       .detail = wrong->detail}};
  }
  return {.report = report_};
}

void LatentFlow::Report() {
  report_ = inner_->report();
  if (metrics_.empty()) return;
  const Batch batch{.x = Samples(kMetricSamples, DeriveSeed(spec_.seed, Purpose::kLatentMetrics))};
  for (const std::unique_ptr<StepMetric>& metric : metrics_) {
    std::vector<Metric> figures = metric->Compute(batch, report_.wasserstein_time);
    report_.metrics.insert(report_.metrics.end(), figures.begin(), figures.end());
  }
}

at::Tensor LatentFlow::Samples(int64_t count, std::optional<uint64_t> seed) const {
  return auto_encoder_.Decode(parameters_, inner_->Samples(count, seed));
}

at::Tensor LatentFlow::LogDensity(const at::Tensor& /*points*/) const { TORCH_CHECK(false, "a decoded flow has no density"); }

ScriptPart LatentFlow::Script() const {
  ScriptPart part{.kind = "LatentFlow", .parts = {inner_->Script(), auto_encoder_.DecoderScript(parameters_)}};
  part.parts[0].name = "flow";
  part.parts[1].name = "decoder";
  part.source = R"(
def sample(self, count: int) -> Tensor:
    return self.decoder.network(self.flow.sample(count))

def forward(self, z: Tensor) -> Tensor:
    return self.decoder.network(self.flow.forward(z))

def latent(self, count: int) -> Tensor:
    return self.flow.latent(count)
)";
  return part;
}

std::string LatentFlow::Save() const {
  return EncodeCheckpoint(fingerprint_, {.report = report_, .parameters = ToFloats(parameters_), .parts = {inner_->Save()}});
}

}  // namespace sliceflow::engine
