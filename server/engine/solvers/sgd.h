// Stochastic gradient descent over one flat vector of parameters.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/flow_spec.h"
#include "server/engine/solvers/optimizer.h"

namespace sliceflow::engine {

// v ← momentum · v + g, p ← p − rate · v (Polyak 1964), in one pass over memory.
class Sgd final : public Optimizer {
 public:
  Sgd(int64_t parameters, const SgdOptions& options);

  void Step(at::Tensor& parameters, const at::Tensor& gradient, double rate) override;

 private:
  SgdOptions options_;
  std::vector<float> velocity_;
};

}  // namespace sliceflow::engine
