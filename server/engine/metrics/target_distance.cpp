#include "server/engine/metrics/target_distance.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "server/engine/dense.h"
#include "server/engine/directions.h"
#include "server/engine/random.h"
#include "server/engine/sliced_distance.h"

namespace sliceflow::engine {

TargetDistance::TargetDistance(const TargetDistanceMetric& spec, uint64_t seed) : table_(spec.table), rows_(ViewOf(*spec.table)) {
  at::Generator random = MakeGenerator(seed, Purpose::kDistance);
  directions_ = DrawDirections(ProjectionSampling::kAutomatic, spec.num_projections, rows_.size(1), random);
  if (rows_.size(0) <= kRows) return;
  const at::Tensor order = at::randperm(rows_.size(0), random, at::TensorOptions(at::kLong));
  rows_ = rows_.index_select(0, order.narrow(0, 0, kRows));
}

std::vector<Metric> TargetDistance::Compute(const Batch& batch, double /*wasserstein_time*/) const {
  SlicedDistance distance;
  const at::Tensor x = batch.x.narrow(0, 0, std::min(kRows, batch.x.size(0)));
  const SlicedDistance::Result result = distance.Evaluate(x, rows_, directions_, /*with_gradient=*/false);
  return {{"target_distance", result.value, result.standard_error}};
}

}  // namespace sliceflow::engine
