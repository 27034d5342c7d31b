#include "server/engine/functionals/interaction_power_law.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

constexpr int64_t kTileEntries = int64_t{1} << 18;  // floats of one tile: 1 MiB, about a core's second-level cache
constexpr double kLeastSquare = 1e-12;
constexpr int64_t kFewCoordinates = 16;

// |xᵢ − xⱼ|² of the tile's rows with all rows. Differences coordinate by coordinate keep all digits where there are few coordinates;
// beyond, one matrix product of centred points.
at::Tensor SquaredDistances(const at::Tensor& tile, const at::Tensor& x) {
  if (x.size(1) > kFewCoordinates) {
    const at::Tensor squares = tile.square().sum(1).unsqueeze(1) + x.square().sum(1).unsqueeze(0);
    return at::addmm(squares, tile, x.t(), /*beta=*/1, /*alpha=*/-2).clamp_min_(kLeastSquare);
  }
  at::Tensor total = at::zeros({tile.size(0), x.size(0)}, at::kFloat);
  for (int64_t k = 0; k < x.size(1); ++k) {
    const at::Tensor difference = tile.select(1, k).unsqueeze(1) - x.select(1, k).unsqueeze(0);
    total.addcmul_(difference, difference);
  }
  return total.clamp_min_(kLeastSquare);
}

// square^(exponent/2), cheap for the exponents that occur most.
at::Tensor PowerOfDistance(const at::Tensor& square, double exponent) {
  if (exponent == 0) return at::ones_like(square);
  if (exponent == 2) return square;
  if (exponent == 4) return square.square();
  return square.pow(exponent / 2);
}

}  // namespace

TermValue PowerLawFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  // Only differences matter: centred, their digits are not lost to a distant mean.
  const at::Tensor x = batch.x.detach() - batch.x.detach().mean(0);
  const int64_t n = x.size(0);
  TermValue result;
  if (draw.with_gradient) result.gradient = at::zeros_like(x);
  if (n == 1) {
    result.per_sample = at::zeros({1}, at::kFloat);
    return result;
  }
  const auto others = static_cast<double>(n - 1);
  at::Tensor half_means = at::empty({n}, at::kFloat);  // hᵢ = ½ mean_{j≠i} W(xᵢ − xⱼ)
  const int64_t tile_rows = std::clamp<int64_t>(kTileEntries / n, 1, n);
  for (int64_t first = 0; first < n; first += tile_rows) {
    const int64_t count = std::min(tile_rows, n - first);
    const at::Tensor tile = x.narrow(0, first, count);
    const at::Tensor square = SquaredDistances(tile, x);
    at::Tensor attraction = PowerOfDistance(square, attraction_ - 2);
    at::Tensor repulsion = PowerOfDistance(square, repulsion_ - 2);
    at::Tensor kernel = (attraction / attraction_ - repulsion / repulsion_).mul_(square);
    kernel.diagonal(first).fill_(0);
    half_means.narrow(0, first, count).copy_(kernel.sum(1).mul_(0.5 / others));
    if (!draw.with_gradient) continue;
    at::Tensor force = attraction - repulsion;
    force.diagonal(first).fill_(0);
    const at::Tensor pull = force.sum(1, /*keepdim=*/true) * tile - at::matmul(force, x);
    result.gradient.narrow(0, first, count).copy_(pull).div_(others * static_cast<double>(n));
  }
  result.value = half_means.mean(at::kDouble).item<double>();
  // The first-order projection of the U-statistic: its error is twice that of the mean of hᵢ.
  result.per_sample = 2 * half_means - result.value;
  return result;
}

}  // namespace sliceflow::engine
