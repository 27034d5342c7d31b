#include "server/engine/functionals/pair_sums.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

constexpr int64_t kTileEntries = int64_t{1} << 18;  // floats of one tile: 1 MiB, about a core's second-level cache
constexpr double kLeastSquare = 1e-12;              // what keeps kernels with a singularity at 0 finite
constexpr int64_t kFewCoordinates = 16;

// |xᵢ − yⱼ|² of the tile's rows with all rows. Differences coordinate by coordinate keep all digits where there are few coordinates;
// beyond, one matrix product of centred points.
at::Tensor SquaredDistances(const at::Tensor& tile, const at::Tensor& y) {
  if (y.size(1) > kFewCoordinates) {
    const at::Tensor squares = tile.square().sum(1).unsqueeze(1) + y.square().sum(1).unsqueeze(0);
    return at::addmm(squares, tile, y.t(), /*beta=*/1, /*alpha=*/-2).clamp_min_(kLeastSquare);
  }
  at::Tensor total = at::zeros({tile.size(0), y.size(0)}, at::kFloat);
  for (int64_t k = 0; k < y.size(1); ++k) {
    const at::Tensor difference = tile.select(1, k).unsqueeze(1) - y.select(1, k).unsqueeze(0);
    total.addcmul_(difference, difference);
  }
  return total.clamp_min_(kLeastSquare);
}

}  // namespace

PairSums SumOverPairs(const RadialKernel& kernel, const at::Tensor& x, const at::Tensor& y, Pairs pairs, bool with_gradient) {
  const int64_t n = x.size(0);
  PairSums sums{.values = at::empty({n}, at::kFloat), .gradients = {}, .partners = y.size(0) - (pairs == Pairs::kDistinct ? 1 : 0)};
  if (with_gradient) sums.gradients = at::empty_like(x);
  // Only differences matter: centred, their digits are not lost to a distant mean.
  const at::Tensor center = y.mean(0);
  const at::Tensor from = x - center;
  const at::Tensor to = y - center;
  const int64_t tile_rows = std::clamp<int64_t>(kTileEntries / to.size(0), 1, n);
  for (int64_t first = 0; first < n; first += tile_rows) {
    const int64_t count = std::min(tile_rows, n - first);
    const at::Tensor tile = from.narrow(0, first, count);
    RadialKernel::Values w = kernel.Evaluate(SquaredDistances(tile, to), with_gradient);
    if (pairs == Pairs::kDistinct) w.value.diagonal(first).fill_(0);
    sums.values.narrow(0, first, count).copy_(w.value.sum(1));
    if (!with_gradient) continue;
    if (pairs == Pairs::kDistinct) w.force.diagonal(first).fill_(0);
    sums.gradients.narrow(0, first, count).copy_(w.force.sum(1, /*keepdim=*/true) * tile - at::matmul(w.force, to));
  }
  return sums;
}

PairSums SumOverRandomPairs(const RadialKernel& kernel, const at::Tensor& x, int64_t rounds, at::Generator& random, bool with_gradient) {
  const int64_t n = x.size(0);
  const at::TensorOptions indices(at::kLong);
  const at::Tensor order = at::randperm(n, random, indices);
  const at::Tensor distances = at::randperm(n - 1, random, indices).narrow(0, 0, rounds) + 1;
  const at::Tensor circle = x.index_select(0, order);
  at::Tensor values = at::zeros({n}, at::kFloat);
  at::Tensor squares = at::zeros({n}, at::kFloat);
  at::Tensor gradients = with_gradient ? at::zeros_like(circle) : at::Tensor();
  for (int64_t round = 0; round < rounds; ++round) {
    const int64_t apart = distances[round].item<int64_t>();
    const at::Tensor difference = circle - circle.roll(-apart, 0);
    const RadialKernel::Values w = kernel.Evaluate(difference.square().sum(1).clamp_min_(kLeastSquare), with_gradient);
    values.add_(w.value).add_(w.value.roll(apart, 0));
    squares.addcmul_(w.value, w.value);
    if (!with_gradient) continue;
    const at::Tensor pull = difference.mul(w.force.unsqueeze(1));
    gradients.add_(pull).sub_(pull.roll(apart, 0));
  }
  PairSums sums{.values = at::empty_like(values).index_copy_(0, order, values), .gradients = {}, .partners = 2 * rounds};
  if (with_gradient) sums.gradients = at::empty_like(gradients).index_copy_(0, order, gradients);
  const auto pairs = static_cast<double>(rounds * n);
  const double mean = values.sum(at::kDouble).item<double>() / (2 * pairs);
  const double variance = squares.sum(at::kDouble).item<double>() / pairs - mean * mean;
  sums.choice_error = std::sqrt(std::max(variance, 0.0) / pairs);
  return sums;
}

}  // namespace sliceflow::engine
