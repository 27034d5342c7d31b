// The squared distance that a minimising scheme penalises.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/evaluation.h"

namespace sliceflow::engine {

// D² between two laws, each known by the samples that its map makes from one and the same noise: float, n × d. Not thread-safe.
class Proximity {
 public:
  virtual ~Proximity() = default;

  // Draws what one iteration's estimates depend on, such as directions.
  virtual void Refresh(at::Generator& random) = 0;

  // D² as a differentiable scalar of x's graph. `y` gets no gradient.
  virtual at::Tensor Differentiable(const at::Tensor& x, const at::Tensor& y) = 0;

  // D² for reports: what it depends on besides the samples is the same for a whole flow.
  virtual Estimate Evaluate(const at::Tensor& x, const at::Tensor& y) = 0;
};

}  // namespace sliceflow::engine
