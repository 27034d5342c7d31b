#include "server/engine/functionals/mmd.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "server/engine/dense.h"
#include "server/engine/functionals/pair_sums.h"
#include "server/engine/functionals/row_batch.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kMedianRows = 1000;

// Σⱼ over partners → mean over them.
at::Tensor Means(const PairSums& sums) { return sums.values / static_cast<double>(std::max<int64_t>(sums.partners, 1)); }
at::Tensor MeanGradients(const PairSums& sums) { return sums.gradients / static_cast<double>(std::max<int64_t>(sums.partners, 1)); }

}  // namespace

double MedianDistance(const Table& table, uint64_t seed) {
  at::Generator random = MakeGenerator(seed, Purpose::kDataRows, 0);
  const at::Tensor distances = at::pdist(DrawRows(ViewOf(table), kMedianRows, random).contiguous());
  const at::Tensor positive = distances.masked_select(distances > 0);
  return positive.numel() == 0 ? 1 : positive.median().item<double>();
}

MmdFunctional::MmdFunctional(TablePtr table, std::unique_ptr<const RadialKernel> kernel, int64_t batch_size, uint64_t seed)
    : table_(std::move(table)), kernel_(std::move(kernel)), batch_size_(batch_size), rows_(ViewOf(*table_)) {
  at::Generator random = MakeGenerator(seed, Purpose::kDataRows, 1);
  thorough_rows_ = DrawRows(rows_, kThoroughRows, random);
  rows_mean_ = Means(SumOverPairs(*kernel_, thorough_rows_, thorough_rows_, Pairs::kDistinct, /*with_gradient=*/false))
                   .mean(at::kDouble)
                   .item<double>();
}

TermValue MmdFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const at::Tensor x = batch.x.detach();
  at::Generator random = draw.random;
  const at::Tensor rows = draw.thorough ? thorough_rows_ : DrawRows(rows_, batch_size_, random);
  const PairSums among = SumOverPairs(*kernel_, x, x, Pairs::kDistinct, draw.with_gradient);
  const PairSums across = SumOverPairs(*kernel_, x, rows, Pairs::kAll, draw.with_gradient);
  const at::Tensor among_means = Means(among);
  const double among_mean = among_means.mean(at::kDouble).item<double>();
  TermValue result;
  // The first-order projection of the U-statistic.
  result.per_sample = (2 * among_means - 2 * Means(across) + (rows_mean_ - among_mean)).mul_(0.5);
  result.value = result.per_sample.mean(at::kDouble).item<double>();
  if (draw.with_gradient) {
    result.gradient = (MeanGradients(among) - MeanGradients(across)).div_(static_cast<double>(x.size(0)));
  }
  return result;
}

}  // namespace sliceflow::engine
