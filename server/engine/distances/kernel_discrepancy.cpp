#include "server/engine/distances/kernel_discrepancy.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "absl/functional/function_ref.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kTileRows = 256;
constexpr int64_t kTileColumns = 2048;
constexpr int64_t kMedianSamples = 500;  // of each side

// k as a function of |x − y|², in place.
using Kernel = absl::FunctionRef<at::Tensor(at::Tensor)>;

at::Tensor SquaredDistances(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor norms = x.square().sum(1, /*keepdim=*/true) + y.square().sum(1).unsqueeze(0);
  return norms.addmm_(x, y.t(), /*beta=*/1, /*alpha=*/-2).clamp_min_(0);
}

// Σⱼ k(xᵢ, yⱼ) by rows, and Σᵢ by columns.
struct Sums {
  at::Tensor rows;
  at::Tensor columns;
};
Sums SumKernel(const at::Tensor& x, const at::Tensor& y, Kernel kernel) {
  Sums sums{at::zeros({x.size(0)}, at::kDouble), at::zeros({y.size(0)}, at::kDouble)};
  for (int64_t i = 0; i < x.size(0); i += kTileRows) {
    const int64_t rows = std::min(kTileRows, x.size(0) - i);
    for (int64_t j = 0; j < y.size(0); j += kTileColumns) {
      const int64_t columns = std::min(kTileColumns, y.size(0) - j);
      const at::Tensor tile = kernel(SquaredDistances(x.narrow(0, i, rows), y.narrow(0, j, columns)));
      sums.rows.narrow(0, i, rows).add_(tile.sum(1));
      sums.columns.narrow(0, j, columns).add_(tile.sum(0));
    }
  }
  return sums;
}

double Variance(const at::Tensor& values) { return values.var(/*unbiased=*/true).item<double>(); }

// `at_zero`: k(x, x), taken out of the sums over distinct pairs.
Estimate Discrepancy(const at::Tensor& first, const at::Tensor& second, Kernel kernel, double at_zero) {
  // About their common mean, so that no digits are lost to a far origin.
  const at::Tensor origin = at::cat({first, second}).to(at::kDouble).mean(0);
  const at::Tensor x = first.to(at::kDouble) - origin;
  const at::Tensor y = second.to(at::kDouble) - origin;
  const auto n = static_cast<double>(x.size(0));
  const auto m = static_cast<double>(y.size(0));
  const at::Tensor within_x = (SumKernel(x, x, kernel).rows - at_zero) / (n - 1);
  const at::Tensor within_y = (SumKernel(y, y, kernel).rows - at_zero) / (m - 1);
  const Sums between = SumKernel(x, y, kernel);
  const double value = within_x.mean().item<double>() + within_y.mean().item<double>() - 2 * between.rows.mean().item<double>() / m;
  const double variance = 4 * Variance(within_x - between.rows / m) / n + 4 * Variance(within_y - between.columns / n) / m;
  return {value, std::sqrt(variance)};
}

}  // namespace

Estimate GaussianMmd(const at::Tensor& x, const at::Tensor& y, double bandwidth) {
  const double factor = -1 / (2 * bandwidth * bandwidth);
  return Discrepancy(
      x, y, [factor](at::Tensor squared) { return squared.mul_(factor).exp_(); }, 1);
}

Estimate EnergyDistanceOf(const at::Tensor& x, const at::Tensor& y) {
  return Discrepancy(
      x, y, [](at::Tensor squared) { return squared.sqrt_().neg_(); }, 0);
}

double MedianBandwidth(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor pooled =
      at::cat({x.narrow(0, 0, std::min(kMedianSamples, x.size(0))), y.narrow(0, 0, std::min(kMedianSamples, y.size(0)))});
  const at::Tensor points = pooled.to(at::kDouble) - pooled.to(at::kDouble).mean(0);
  const int64_t count = points.size(0);
  const at::Tensor pairs = at::triu_indices(count, count, 1, at::TensorOptions(at::kLong));
  const at::Tensor distances = SquaredDistances(points, points).index({pairs[0], pairs[1]}).sqrt();
  const double median = distances.median().item<double>();
  return median > 0 ? median : 1;
}

}  // namespace sliceflow::engine
