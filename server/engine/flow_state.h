// One flow of one model: parts made from a valid spec, and the step.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/checkpoint.h"
#include "server/engine/evaluation.h"
#include "server/engine/flow.h"
#include "server/engine/flow_core.h"
#include "server/engine/initial/initial.h"
#include "server/engine/metrics/metric.h"
#include "server/engine/models/followed_batch.h"
#include "server/engine/random.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

class FlowState final : public FlowCore {
 public:
  // `fingerprint`: what its checkpoints are known by.
  FlowState(FlowSpec spec, uint64_t fingerprint);

  absl::Status Start(const StopLatch& stop, ProgressCallback progress) override;
  absl::Status Resume(absl::string_view checkpoint) override { return Take(fingerprint_, /*with_memory=*/true, checkpoint); }
  absl::Status Adopt(const FlowSpec& parent, absl::string_view checkpoint) override;
  // Puts the flow where a checkpoint of that fingerprint says, with what its solver kept or without.
  absl::Status Take(uint64_t fingerprint, bool with_memory, absl::string_view checkpoint);
  int dimension() const override { return spec_.dimension; }
  int num_steps() const override { return spec_.num_steps; }
  bool has_density() const override { return model_->has_density(); }
  int64_t max_samples() const override { return model_->max_samples(); }
  const StepReport& report() const override { return report_; }
  StepResult Step(const StopLatch& stop, ProgressCallback progress) override;
  at::Tensor Samples(int64_t count, std::optional<uint64_t> seed) const override;
  at::Tensor LogDensity(const at::Tensor& points) const override;
  ScriptPart Script() const override { return model_->Script(position_.parameters); }
  std::string Save() const override;

 private:
  // Makes what stands on the model.
  void StandOn(const ModelGround& ground);
  std::vector<Metric> ComputeMetrics(const at::Tensor& parameters, double wasserstein_time) const;
  // Outside any graph.
  Batch TransportInBlocks(const at::Tensor& parameters, int64_t count, Purpose purpose, uint64_t seed) const;
  // Whole blocks, `count` rows at least.
  Noise NoiseInBlocks(int64_t count, Purpose purpose, uint64_t seed) const;
  // The batch of a model that grows which is asked for at every step.
  FollowedBatch& Followed(int64_t count, Purpose purpose, uint64_t seed) const;
  StepReport NewReport(int step) const;
  absl::Status FitToInitial(at::Tensor& parameters, const StopLatch& stop, ProgressCallback progress);
  Termination Terminate(Termination::Reason reason, const Divergence& cause) const;

  FlowSpec spec_;
  uint64_t fingerprint_ = 0;
  std::shared_ptr<const InitialDistribution> initial_;
  std::vector<Term> terms_;
  std::vector<std::unique_ptr<StepMetric>> metrics_;
  double limit_ = 0;  // the coordinate beyond which samples count as exploding
  ModelGround ground_;
  std::unique_ptr<Model> model_;
  mutable std::map<std::pair<Purpose, uint64_t>, FollowedBatch> followed_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Solver> solver_;
  Position position_;
  StepReport report_;
};

}  // namespace sliceflow::engine
