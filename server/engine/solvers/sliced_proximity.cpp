#include "server/engine/solvers/sliced_proximity.h"

#include <ATen/ATen.h>

#include "server/engine/gaussian_slices.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kRule = 8192;

}  // namespace

SlicedProximity::SlicedProximity(const SwJkoSolver& spec, int dimension, uint64_t seed)
    : num_projections_(spec.num_projections),
      sampling_(spec.projection_sampling),
      control_variate_(spec.control_variate && dimension > 1),
      dimension_(dimension) {
  at::Generator random = MakeGenerator(seed, Purpose::kReportDirections);
  report_directions_ = DrawDirections(sampling_, num_projections_, dimension_, random);
  if (control_variate_) rule_ = DrawDirections(ProjectionSampling::kQuasiMonteCarlo, kRule, dimension_, random);
}

void SlicedProximity::Refresh(at::Generator& random) { directions_ = DrawDirections(sampling_, num_projections_, dimension_, random); }

at::Tensor SlicedProximity::Differentiable(const at::Tensor& x, const at::Tensor& y) {
  at::Tensor sliced = distance_.Differentiable(x, y, directions_);
  if (!control_variate_) return sliced;
  return sliced + GaussianSlices(x, y, rule_) - GaussianSlices(x, y, directions_);
}

Estimate SlicedProximity::Evaluate(const at::Tensor& x, const at::Tensor& y) {
  const SlicedDistance::Result result = distance_.Evaluate(x, y, report_directions_, /*with_gradient=*/false);
  return {result.value, result.standard_error};
}

}  // namespace sliceflow::engine
