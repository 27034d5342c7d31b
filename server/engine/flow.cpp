#include "server/engine/flow.h"

#include <atomic>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "absl/strings/str_cat.h"
#include "server/engine/export/safetensors.h"
#include "server/engine/export/torch_script.h"
#include "server/engine/flow_core.h"
#include "server/engine/fork.h"
#include "server/engine/guarded.h"
#include "server/engine/step_halving.h"
#include "server/engine/validate.h"

namespace sliceflow::engine {
namespace {

// Marks a flow as in use for a scope; `entered` is false where it already was.
class Occupancy {
 public:
  explicit Occupancy(std::atomic<bool>& busy) : busy_(busy), entered_(!busy.exchange(true, std::memory_order_acquire)) {}
  ~Occupancy() {
    if (entered_) busy_.store(false, std::memory_order_release);
  }
  Occupancy(const Occupancy&) = delete;
  Occupancy& operator=(const Occupancy&) = delete;

  absl::Status status() const {
    return entered_ ? absl::OkStatus() : absl::FailedPreconditionError("another call on this flow is running");
  }

 private:
  std::atomic<bool>& busy_;
  const bool entered_;
};

class GuardedFlow final : public Flow {
 public:
  explicit GuardedFlow(std::unique_ptr<FlowCore> core) : core_(std::move(core)) {}

  int dimension() const override { return core_->dimension(); }
  int step() const override { return core_->report().step; }
  bool has_density() const override { return core_->has_density(); }
  int64_t max_samples() const override { return core_->max_samples(); }
  const StepReport& report() const override { return core_->report(); }

  absl::StatusOr<StepResult> Step(const StopLatch& stop, ProgressCallback progress) override {
    const Occupancy occupancy(busy_);
    if (!occupancy.status().ok()) return occupancy.status();
    if (step() >= core_->num_steps()) return absl::OutOfRangeError(absl::StrCat("the flow ended with step ", step()));
    return Guarded([&]() -> absl::StatusOr<StepResult> { return core_->Step(stop, progress); });
  }

  absl::StatusOr<SampleBatch> Samples(int64_t count, std::optional<uint64_t> seed) override {
    const Occupancy occupancy(busy_);
    if (!occupancy.status().ok()) return occupancy.status();
    if (count < 1) return absl::InvalidArgumentError(absl::StrCat("count: is ", count, "; must be at least 1"));
    if (count > core_->max_samples()) {
      return absl::InvalidArgumentError(absl::StrCat("count: is ", count, "; there are ", core_->max_samples(), " particles"));
    }
    return Guarded([&]() -> absl::StatusOr<SampleBatch> {
      const at::Tensor x = core_->Samples(count, seed).contiguous();
      if (!at::isfinite(x).all().item<bool>()) return absl::InternalError("the model gives samples that are not finite");
      const float* data = x.const_data_ptr<float>();
      return SampleBatch{.count = count, .dimension = core_->dimension(), .values = {data, data + x.numel()}};
    });
  }

  absl::StatusOr<std::vector<float>> LogDensity(absl::Span<const float> points) override {
    const Occupancy occupancy(busy_);
    if (!occupancy.status().ok()) return occupancy.status();
    if (!has_density()) return absl::FailedPreconditionError("the model has no density");
    const auto dimension = static_cast<size_t>(core_->dimension());
    if (points.empty() || points.size() % dimension != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("points: has ", points.size(), " numbers; must be a positive multiple of the dimension ", dimension));
    }
    for (const float value : points) {
      if (!std::isfinite(value)) return absl::InvalidArgumentError("points: has values that are not finite");
    }
    return Guarded([&]() -> absl::StatusOr<std::vector<float>> { return FiniteOrOutside(points); });
  }

  absl::StatusOr<std::string> Export(ExportFormat format, absl::string_view description) const override {
    const Occupancy occupancy(busy_);
    if (!occupancy.status().ok()) return occupancy.status();
    return Guarded([&]() -> absl::StatusOr<std::string> {
      const ScriptPart model = core_->Script();
      return format == ExportFormat::kTorchScript ? WriteTorchScript(model, description) : WriteSafetensors(model, description);
    });
  }

  absl::StatusOr<std::string> Save() const override {
    const Occupancy occupancy(busy_);
    if (!occupancy.status().ok()) return occupancy.status();
    return Guarded([&]() -> absl::StatusOr<std::string> { return core_->Save(); });
  }

 private:
  // −∞ says that ρ is 0 there; NaN never leaves.
  absl::StatusOr<std::vector<float>> FiniteOrOutside(absl::Span<const float> points) const {
    const int64_t dimension = core_->dimension();
    const auto count = static_cast<int64_t>(points.size()) / dimension;
    const at::Tensor x = at::from_blob(const_cast<float*>(points.data()), {count, dimension}, at::TensorOptions(at::kFloat));
    const at::Tensor values = core_->LogDensity(x).contiguous();
    if (at::isnan(values).any().item<bool>()) return absl::InternalError("the model gives log-densities that are not numbers");
    const float* data = values.const_data_ptr<float>();
    return std::vector<float>(data, data + values.numel());
  }

  std::unique_ptr<FlowCore> core_;
  mutable std::atomic<bool> busy_{false};
};

// A flow whose core `begin` puts somewhere.
template <typename Begin>
absl::StatusOr<std::unique_ptr<Flow>> MakeFlow(FlowSpec spec, const Begin& begin) {
  absl::Status valid = Validate(spec);
  if (!valid.ok()) return valid;
  return Guarded([&]() -> absl::StatusOr<std::unique_ptr<Flow>> {
    std::unique_ptr<FlowCore> core = MakeCore(std::move(spec));
    absl::Status begun = begin(*core);
    if (!begun.ok()) return begun;
    return std::make_unique<GuardedFlow>(std::move(core));
  });
}

// Of a parent that halved its steps, a fork that does not goes on from the flow of τ.
absl::Status Adopt(FlowCore& core, const FlowSpec& spec, const FlowSpec& parent, absl::string_view checkpoint) {
  if (spec.step_halving == parent.step_halving) return core.Adopt(parent, checkpoint);
  const absl::StatusOr<std::string> asked = StepHalving::AskedPart(parent, checkpoint);
  if (!asked.ok()) return asked.status();
  FlowSpec alone = parent;
  alone.step_halving = false;
  return core.Adopt(alone, *asked);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Flow>> Flow::Create(FlowSpec spec, const StopLatch& stop, ProgressCallback progress) {
  return MakeFlow(std::move(spec), [&](FlowCore& core) { return core.Start(stop, progress); });
}

absl::StatusOr<std::unique_ptr<Flow>> Flow::Restore(FlowSpec spec, absl::string_view checkpoint) {
  return MakeFlow(std::move(spec), [&](FlowCore& core) { return core.Resume(checkpoint); });
}

absl::StatusOr<std::unique_ptr<Flow>> Flow::Fork(const FlowSpec& spec, const FlowSpec& parent, absl::string_view checkpoint) {
  if (absl::Status status = Validate(parent); !status.ok()) return status;
  return MakeFlow(spec, [&](FlowCore& core) -> absl::Status {
    absl::Status status = CheckFork(spec, parent);
    if (status.ok()) status = Adopt(core, spec, parent, checkpoint);
    if (!status.ok() || core.report().step == spec.origin->step) return status;
    return absl::FailedPreconditionError(absl::StrCat("checkpoint is of step ", core.report().step, ", the origin is ", spec.origin->step));
  });
}

void SetThreads(int threads) {
  // LibTorch lets a process set the second number once only.
  static const bool kOneFlowAtATime = [] {
    at::set_num_interop_threads(1);
    return true;
  }();
  static_cast<void>(kOneFlowAtATime);
  at::set_num_threads(threads);
}

}  // namespace sliceflow::engine
