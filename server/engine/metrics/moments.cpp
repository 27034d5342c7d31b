#include "server/engine/metrics/moments.h"

#include <cmath>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

double ErrorOfMean(const at::Tensor& values) {
  if (values.size(0) < 2) return 0;
  return values.std(/*unbiased=*/true).item<double>() / std::sqrt(static_cast<double>(values.size(0)));
}

// The direction of a vector; any will do for 0, whose norm has no gradient.
at::Tensor Direction(const at::Tensor& vector, double norm) { return norm > 0 ? vector / norm : vector; }

}  // namespace

std::vector<Metric> MomentFigures::Compute(const Batch& batch, double /*wasserstein_time*/) const {
  const at::Tensor points = batch.x.to(at::kDouble);
  const at::Tensor mean = points.mean(0);
  const at::Tensor squares = (points - mean).square();
  const at::Tensor variances = squares.mean(0);
  const at::Tensor radii = squares.sum(1);
  const double mean_norm = mean.norm().item<double>();
  const double variance_norm = variances.norm().item<double>();
  return {{"mean_norm", mean_norm, ErrorOfMean(at::matmul(points, Direction(mean, mean_norm)))},
          {"variance_norm", variance_norm, ErrorOfMean(at::matmul(squares, Direction(variances, variance_norm)))},
          {"second_moment", radii.mean().item<double>(), ErrorOfMean(radii)}};
}

}  // namespace sliceflow::engine
