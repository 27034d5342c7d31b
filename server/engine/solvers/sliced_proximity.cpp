#include "server/engine/solvers/sliced_proximity.h"

#include <ATen/ATen.h>

#include "server/engine/random.h"

namespace sliceflow::engine {

SlicedProximity::SlicedProximity(const SwJkoSolver& spec, int dimension, uint64_t seed)
    : num_projections_(spec.num_projections), sampling_(spec.projection_sampling), dimension_(dimension) {
  at::Generator random = MakeGenerator(seed, Purpose::kReportDirections);
  report_directions_ = DrawDirections(sampling_, num_projections_, dimension_, random);
}

void SlicedProximity::Refresh(at::Generator& random) { directions_ = DrawDirections(sampling_, num_projections_, dimension_, random); }

at::Tensor SlicedProximity::Differentiable(const at::Tensor& x, const at::Tensor& y) { return distance_.Differentiable(x, y, directions_); }

Estimate SlicedProximity::Evaluate(const at::Tensor& x, const at::Tensor& y) {
  const SlicedDistance::Result result = distance_.Evaluate(x, y, report_directions_, /*with_gradient=*/false);
  return {result.value, result.standard_error};
}

}  // namespace sliceflow::engine
