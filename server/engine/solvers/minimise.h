// The inner minimisation that steps and fits share: Adam with a cosine schedule over stochastic values of an objective.
#pragma once

#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "absl/functional/function_ref.h"
#include "common/stop_latch.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// Where something ceased to be finite: the term's name as in Termination, or `model`.
struct Divergence {
  std::string term;
  std::string detail;
};

// One stochastic value of an objective at parameters that are a leaf of the graph.
struct ObjectiveValue {
  at::Tensor loss;   // differentiable scalar
  double value = 0;  // the same in double, for reports
  std::optional<Divergence> divergence;
};

struct Minimisation {
  at::Tensor parameters;
  double gradient_norm = 0;  // at the last iteration
  int iterations = 0;
  bool stopped = false;
  std::optional<Divergence> divergence;
};

// `iterations` steps from `parameters` (not changed) by a fresh Adam, whose rate falls by a half cosine to a hundredth. Ends early
// when `stop` triggers or the objective or its gradient is not finite.
Minimisation Minimise(const at::Tensor& parameters, const AdamOptions& adam, int iterations,
                      absl::FunctionRef<ObjectiveValue(const at::Tensor& leaf, int iteration)> objective, const StopLatch& stop,
                      absl::FunctionRef<void(int iteration, double value)> progress);

}  // namespace sliceflow::engine
