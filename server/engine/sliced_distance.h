// The sliced-Wasserstein distance between batches of samples in LibTorch's tensors.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "absl/types/span.h"
#include "server/engine/kernels/sliced_transport.h"

namespace sliceflow::engine {

// SW2² between float tensors of shape n × d and m × d over given unit directions (L × d). Keeps one evaluator of the kernels and grows it
// when a larger batch comes; batches of one size allocate nothing but the gradient. Not thread-safe.
class SlicedDistance {
 public:
  struct Result {
    double value = 0;
    double standard_error = 0;  // over directions
    at::Tensor gradient;        // n × d, with respect to x; undefined when not asked for
  };

  struct Target {
    at::Tensor y;
    double weight = 1;  // of either sign, finite as a float
  };
  struct Sum {
    double value = 0;     // Σ weight · SW2²
    at::Tensor gradient;  // n × d, with respect to x
  };

  // Values and gradient outside any graph. All tensors finite and float, directions contiguous.
  Result Evaluate(const at::Tensor& x, const at::Tensor& y, const at::Tensor& directions, bool with_gradient);

  // Σ_j weight_j SW2²(x, y_j) and its gradient outside any graph, of 1 to kernels::kMostTargets targets, each m_j × d. What x costs, its
  // projections and their sorting, is paid once on the processor.
  Sum EvaluateSum(const at::Tensor& x, absl::Span<const Target> targets, const at::Tensor& directions);

 private:
  void Reserve(const kernels::SlicedTransportShape& wanted);

  kernels::SlicedTransportShape shape_;
  std::unique_ptr<kernels::SlicedTransport> transport_;
};

}  // namespace sliceflow::engine
