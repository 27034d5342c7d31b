// A flow in the latent space of an auto-encoder, as Bonet et al. 2022 have it for images.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/engine/auto_encoder.h"
#include "server/engine/flow_core.h"
#include "server/engine/flow_spec.h"
#include "server/engine/flow_state.h"
#include "server/engine/metrics/metric.h"

namespace sliceflow::engine {

// Start trains the auto-encoder on the data set, encodes the data sets of terms and of the initial distribution, and starts a flow between
// codes; samples are that flow's, decoded. It has no density: a decoder is no bijection. Clocks, energies and distances are those between
// codes; metrics are of decoded samples. Step 0 has the metric `reconstruction_error` besides, the share of the variance of the data that
// the auto-encoder loses. A checkpoint holds the auto-encoder, so that what is resumed is not trained again.
class LatentFlow final : public FlowCore {
 public:
  LatentFlow(FlowSpec spec, uint64_t fingerprint);

  absl::Status Start(const StopLatch& stop, ProgressCallback progress) override;
  absl::Status Resume(absl::string_view checkpoint) override { return Take(fingerprint_, /*with_memory=*/true, checkpoint); }
  absl::Status Adopt(const FlowSpec& parent, absl::string_view checkpoint) override;
  int dimension() const override { return spec_.dimension; }
  int num_steps() const override { return spec_.num_steps; }
  bool has_density() const override { return false; }
  int64_t max_samples() const override { return inner_->max_samples(); }
  const StepReport& report() const override { return report_; }
  StepResult Step(const StopLatch& stop, ProgressCallback progress) override;
  at::Tensor Samples(int64_t count, std::optional<uint64_t> seed) const override;
  at::Tensor LogDensity(const at::Tensor& points) const override;
  ScriptPart Script() const override;
  std::string Save() const override;

 private:
  // As FlowState::Take.
  absl::Status Take(uint64_t fingerprint, bool with_memory, absl::string_view checkpoint);
  // Takes the auto-encoder's parameters and makes the flow between codes.
  void Enter(at::Tensor parameters);
  FlowSpec BetweenCodes() const;
  TablePtr Encoded(const Table& table) const;
  // Takes the inner flow's report, with the metrics of decoded samples.
  void Report();

  FlowSpec spec_;
  uint64_t fingerprint_;
  AutoEncoder auto_encoder_;
  std::vector<std::unique_ptr<StepMetric>> metrics_;
  at::Tensor parameters_;  // of the auto-encoder
  std::unique_ptr<FlowState> inner_;
  StepReport report_;
};

}  // namespace sliceflow::engine
