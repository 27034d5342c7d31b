// Figures computed at each step.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

// One kind of metric. Immutable after it is made.
class StepMetric {
 public:
  virtual ~StepMetric() = default;

  // Figures of ρ from a batch, outside any graph, at a Wasserstein time. The batch has log-densities where the model has.
  virtual std::vector<Metric> Compute(const Batch& batch, double wasserstein_time) const = 0;
};

// One for each metric the valid `spec` asks for, in order.
std::vector<std::unique_ptr<StepMetric>> MakeMetrics(const FlowSpec& spec);

}  // namespace sliceflow::engine
