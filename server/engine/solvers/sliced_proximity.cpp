#include "server/engine/solvers/sliced_proximity.h"

#include <vector>

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

at::Tensor SlicedProximity::ControlVariate(const at::Tensor& x, const at::Tensor& y) const {
  return GaussianSlices(x, y, rule_) - GaussianSlices(x, y, directions_);
}

Penalty SlicedProximity::Penalise(const at::Tensor& x, absl::Span<const ProximityTo> from) {
  std::vector<SlicedDistance::Target> targets;
  for (const ProximityTo& to : from) targets.push_back({to.y, to.weight});
  const SlicedDistance::Sum sum = distance_.EvaluateSum(x, targets, directions_);
  Penalty penalty{.value = sum.value, .gradient = sum.gradient};
  if (!control_variate_) return penalty;
  for (const ProximityTo& to : from) {
    const Penalty steadied = Differentiated(x, [&](const at::Tensor& leaf) { return ControlVariate(leaf, to.y) * to.weight; });
    penalty.value += steadied.value;
    penalty.gradient.add_(steadied.gradient);
  }
  return penalty;
}

double SlicedProximity::Between(const at::Tensor& x, const at::Tensor& y) {
  const double sliced = distance_.Evaluate(x, y, directions_, /*with_gradient=*/false).value;
  return control_variate_ ? sliced + ControlVariate(x, y).item<double>() : sliced;
}

Estimate SlicedProximity::Evaluate(const at::Tensor& x, const at::Tensor& y) {
  const SlicedDistance::Result result = distance_.Evaluate(x, y, report_directions_, /*with_gradient=*/false);
  return {result.value, result.standard_error};
}

}  // namespace sliceflow::engine
