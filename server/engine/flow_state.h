// The flow behind the face: parts made from a valid spec, and the step. Exceptions of LibTorch pass through; server/engine/flow.cpp stops
// them. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/checkpoint.h"
#include "server/engine/evaluation.h"
#include "server/engine/flow.h"
#include "server/engine/initial/initial.h"
#include "server/engine/metrics/metric.h"
#include "server/engine/random.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

class FlowState {
 public:
  explicit FlowState(FlowSpec spec);

  // Puts the flow at step 0. Cancelled when `stop` triggers during a fit.
  absl::Status Start(const StopLatch& stop);

  // Puts the flow where `checkpoint`, of this spec, says.
  absl::Status Resume(absl::string_view checkpoint);

  const StepReport& report() const { return report_; }
  const FlowSpec& spec() const { return spec_; }
  const Model& model() const { return *model_; }

  StepResult Step(const StopLatch& stop, absl::FunctionRef<void(const InnerProgress&)> progress);

  // Float, count × d.
  at::Tensor Samples(int64_t count, std::optional<uint64_t> seed) const;

  at::Tensor LogDensity(const at::Tensor& points) const;

  std::string Save() const;

 private:
  std::vector<Metric> ComputeMetrics(const at::Tensor& parameters, double wasserstein_time) const;
  // Outside any graph.
  Batch TransportInBlocks(const at::Tensor& parameters, int64_t count, Purpose purpose, uint64_t seed) const;
  StepReport NewReport(int step) const;
  absl::Status FitToInitial(at::Tensor& parameters, const StopLatch& stop);
  Termination Terminate(Termination::Reason reason, const Divergence& cause) const;

  FlowSpec spec_;
  uint64_t fingerprint_ = 0;
  std::shared_ptr<const InitialDistribution> initial_;
  std::unique_ptr<Model> model_;
  std::vector<Term> terms_;
  std::vector<std::unique_ptr<StepMetric>> metrics_;
  std::unique_ptr<Evaluator> evaluator_;
  double limit_ = 0;  // the coordinate beyond which samples count as exploding
  std::unique_ptr<Solver> solver_;
  Position position_;
  StepReport report_;
};

}  // namespace sliceflow::engine
