#include "server/engine/metrics/radius.h"

#include <cmath>

#include <ATen/ATen.h>

namespace sliceflow::engine {

std::vector<Metric> Radius::Compute(const Batch& batch, double /*wasserstein_time*/) const {
  const at::Tensor points = batch.x.to(at::kDouble);
  const at::Tensor distances = (points - points.mean(0)).norm(2, {1});
  const double mean = distances.mean().item<double>();
  const double deviation = (distances - mean).square().mean().sqrt().item<double>();
  const auto n = static_cast<double>(points.size(0));
  return {{"radius_mean", mean, deviation / std::sqrt(n)}, {"radius_deviation", deviation, 0}};
}

}  // namespace sliceflow::engine
