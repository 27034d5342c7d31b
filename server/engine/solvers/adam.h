// Adam over one flat vector of parameters.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/flow_spec.h"
#include "server/engine/solvers/optimizer.h"

namespace sliceflow::engine {

// Kingma & Ba 2015, algorithm 1, in one pass over memory. ε = 1e-12 rather than 1e-8: gradients of a particle are of order 1/count, and
// the method is meant not to depend on that scale.
class Adam final : public Optimizer {
 public:
  Adam(int64_t parameters, const AdamOptions& options);

  void Step(at::Tensor& parameters, const at::Tensor& gradient, double rate) override;

 private:
  AdamOptions options_;
  std::vector<float> first_;
  std::vector<float> second_;
  double power1_ = 1;
  double power2_ = 1;
};

}  // namespace sliceflow::engine
