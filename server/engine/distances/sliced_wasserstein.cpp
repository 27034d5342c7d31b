#include "server/engine/distances/sliced_wasserstein.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include <ATen/ATen.h>

#include "server/engine/directions.h"
#include "server/engine/distances/quantile_plan.h"
#include "server/engine/sliced_distance.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kBlockValues = int64_t{1} << 21;  // projections held at once, of each side

// n × L, each column ascending.
at::Tensor SortedProjections(const at::Tensor& x, const at::Tensor& directions) {
  return std::get<0>(at::sort(at::matmul(x, directions.t()).t().contiguous(), -1)).t();
}

}  // namespace

Estimate SlicedWasserstein(const at::Tensor& x, const at::Tensor& y, double order, int64_t num_projections, at::Generator& random) {
  const at::Tensor directions = DrawDirections(ProjectionSampling::kAutomatic, num_projections, x.size(1), random);
  if (order == 2) {
    SlicedDistance distance;
    const SlicedDistance::Result result = distance.Evaluate(x, y, directions, /*with_gradient=*/false);
    return {result.value, result.standard_error};
  }
  const QuantilePlan plan = MergeQuantiles(x.size(0), y.size(0));
  const at::Tensor from = x.to(at::kDouble);
  const at::Tensor to = y.to(at::kDouble);
  const int64_t count = directions.size(0);
  const int64_t block = std::max<int64_t>(1, kBlockValues / std::max(x.size(0), y.size(0)));
  std::vector<at::Tensor> values;
  for (int64_t first = 0; first < count; first += block) {
    const at::Tensor some = directions.narrow(0, first, std::min(block, count - first)).to(at::kDouble);
    const at::Tensor apart =
        SortedProjections(from, some).index_select(0, plan.from) - SortedProjections(to, some).index_select(0, plan.to);
    values.push_back(at::matmul(plan.mass, apart.abs_().pow_(order)));
  }
  const at::Tensor all = at::cat(values);
  const double error = count > 1 ? all.std(/*unbiased=*/true).item<double>() / std::sqrt(static_cast<double>(count)) : 0;
  return {all.mean().item<double>(), error};
}

}  // namespace sliceflow::engine
