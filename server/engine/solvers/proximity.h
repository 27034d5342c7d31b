// The squared distance that a minimising scheme penalises.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "server/engine/evaluation.h"

namespace sliceflow::engine {

// A law that another is held near.
struct ProximityTo {
  at::Tensor y;
  double weight = 1;
};

struct Penalty {
  double value = 0;
  at::Tensor gradient;  // n × d
};

// D² between two laws, each known by the samples that its map makes from one and the same noise: float, n × d, outside
// any graph. Not thread-safe.
class Proximity {
 public:
  virtual ~Proximity() = default;

  // Draws what one iteration's estimates depend on, such as directions.
  virtual void Refresh(at::Generator& random) = 0;

  // Σ weight · D²(x, y) over what it is from, at least one, and the derivative by x, with what was drawn last.
  virtual Penalty Penalise(const at::Tensor& x, absl::Span<const ProximityTo> from) = 0;

  // D² alone, with what was drawn last.
  virtual double Between(const at::Tensor& x, const at::Tensor& y) = 0;

  // D² for reports: what it depends on besides the samples is the same for a whole flow.
  virtual Estimate Evaluate(const at::Tensor& x, const at::Tensor& y) = 0;
};

// A penalty that is written as a differentiable scalar of x.
Penalty Differentiated(const at::Tensor& x, absl::FunctionRef<at::Tensor(const at::Tensor& x)> value);

}  // namespace sliceflow::engine
