#include "server/engine/solvers/concentration_proximity.h"

#include <ATen/ATen.h>

#include "server/engine/gaussian_slices.h"

namespace sliceflow::engine {

at::Tensor ConcentrationProximity::Differentiable(const at::Tensor& x, const at::Tensor& y) { return Concentrated(x, y); }

Estimate ConcentrationProximity::Evaluate(const at::Tensor& x, const at::Tensor& y) { return {Concentrated(x, y).item<double>(), 0}; }

}  // namespace sliceflow::engine
