// A flow beside itself with smaller steps, which tells the order in time that is observed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/engine/checkpoint.h"
#include "server/engine/flow_core.h"
#include "server/engine/flow_spec.h"
#include "server/engine/sliced_distance.h"

namespace sliceflow::engine {

// The flow of a spec with steps of τ, and two more of the same spec and seed with steps of τ/2 and τ/4, which take two and four steps for
// one. What the flow is asked for is answered by that of τ. Reports carry two more metrics: `step_halving_difference` D(τ, τ/2), where
// D = SW2 between samples from the same noise at the same time, and, from step 1 on, `step_halving_order` log₂(D(τ, τ/2)/D(τ/2, τ/4))
// (Richardson), which needs three flows because two tell a difference and not how it shrinks. Errors are over directions. A step has
// converged where it has in all three.
// A step costs seven, and two sliced distances.
class StepHalving final : public FlowCore {
 public:
  StepHalving(const FlowSpec& spec, uint64_t fingerprint);

  absl::Status Start(const StopLatch& stop, ProgressCallback progress) override;
  absl::Status Resume(absl::string_view checkpoint) override;
  absl::Status Adopt(const FlowSpec& parent, absl::string_view checkpoint) override;
  // The checkpoint of the flow of τ in one of a flow of `spec`, which halves its steps. Errors as of Resume.
  static absl::StatusOr<std::string> AskedPart(const FlowSpec& spec, absl::string_view checkpoint);
  int dimension() const override { return asked().dimension(); }
  int num_steps() const override { return asked().num_steps(); }
  bool has_density() const override { return asked().has_density(); }
  int64_t max_samples() const override { return asked().max_samples(); }
  const StepReport& report() const override { return report_; }
  StepResult Step(const StopLatch& stop, ProgressCallback progress) override;
  at::Tensor Samples(int64_t count, std::optional<uint64_t> seed) const override { return asked().Samples(count, seed); }
  at::Tensor LogDensity(const at::Tensor& points) const override { return asked().LogDensity(points); }
  ScriptPart Script() const override { return asked().Script(); }
  std::string Save() const override;

 private:
  static constexpr size_t kFlows = 3;

  const FlowCore& asked() const { return *flows_[0]; }
  // The steps that every flow takes for one of τ. Whether `termination` stayed unset, and the steps converged.
  bool StepAll(const StopLatch& stop, ProgressCallback progress, std::optional<Termination>& termination);
  static absl::StatusOr<CheckpointState> Decode(uint64_t fingerprint, absl::string_view checkpoint);
  // Puts each flow where its part says, and the report to that of the whole.
  absl::Status Take(CheckpointState state, absl::FunctionRef<absl::Status(size_t flow, absl::string_view part)> put);
  // Where the flows stand.
  void Report(bool converged);
  std::array<std::string, kFlows> SaveAll() const;
  void RewindTo(const std::array<std::string, kFlows>& saved);
  Metric Difference(size_t coarse) const;

  uint64_t fingerprint_;
  std::array<std::unique_ptr<FlowCore>, kFlows> flows_;  // of τ, τ/2, τ/4
  at::Tensor directions_;
  StepReport report_;
};

}  // namespace sliceflow::engine
