// Figures computed at each step.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// One kind of metric. Immutable after it is made.
class StepMetric {
 public:
  virtual ~StepMetric() = default;

  // Figures of ρ from samples x (float, n × d) at a Wasserstein time.
  virtual std::vector<Metric> Compute(const at::Tensor& x, double wasserstein_time) const = 0;
};

// One for each metric the valid `spec` asks for, in order.
std::vector<std::unique_ptr<StepMetric>> MakeMetrics(const FlowSpec& spec);

}  // namespace sliceflow::engine
