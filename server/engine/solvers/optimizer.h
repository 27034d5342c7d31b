// Optimizers over one flat vector of parameters.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// One kind of optimizer, with the state it gathers over a minimisation. Not thread-safe.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Moves `parameters` (float, contiguous, without graph) against `gradient`, of the same length. `rate` multiplies the learning rate.
  virtual void Step(at::Tensor& parameters, const at::Tensor& gradient, double rate) = 0;
};

// A fresh optimizer for that many parameters; all its memory is taken here.
std::unique_ptr<Optimizer> MakeOptimizer(const OptimizerSpec& spec, int64_t parameters);

}  // namespace sliceflow::engine
