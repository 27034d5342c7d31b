// The inner minimisation that steps and fits share: an optimizer over stochastic values of an objective.
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
  at::Tensor gradient;  // by the parameters, of their shape
  double value = 0;
  double decrease = 0;  // the objective where the minimisation began minus `value`, on the same draw; only used with a tolerance
  std::optional<Divergence> divergence;
};

struct Minimisation {
  at::Tensor parameters;
  double gradient_norm = 0;  // at the last iteration
  int iterations = 0;
  bool settled = false;  // ended by the tolerance
  // Whether the gradient had come down to its noise: the square of its mean over the last 10 iterations is at most the sum of four times
  // that mean's own variance and a hundredth of the first gradient's square. Does not depend on the learning rate, so that one too small to get anywhere
  // is not taken for rest.
  bool at_rest = false;
  bool stopped = false;
  std::optional<Divergence> divergence;
};

// Minimises from `parameters` (not changed) by a fresh optimizer whose learning rate, times `rate`, follows `inner.rate_schedule` over
// `inner.iterations`: a cosine falls to a hundredth. With a tolerance, decreases are averaged over windows of 10 iterations; once two
// windows in a row bring less than that share of the whole decrease, the rate falls to a hundredth over 20 more iterations, and it ends.
// Ends early when `stop` triggers or when the objective or its gradient is not finite.
Minimisation Minimise(const at::Tensor& parameters, const InnerMinimisation& inner, double rate,
                      absl::FunctionRef<ObjectiveValue(const at::Tensor& leaf)> objective, const StopLatch& stop,
                      absl::FunctionRef<void(double value)> progress);

}  // namespace sliceflow::engine
