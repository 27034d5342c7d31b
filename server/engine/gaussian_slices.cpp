#include "server/engine/gaussian_slices.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

constexpr double kLeastVariance = 1e-20;  // keeps the root's derivative finite at a point mass

at::Tensor DeviationAlong(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& directions) {
  const at::Tensor centred = x - mean;
  const at::Tensor covariance = at::matmul(centred.t(), centred) / x.size(0);
  return (at::matmul(directions, covariance) * directions).sum(1).clamp_min(kLeastVariance).sqrt();
}

at::Tensor Width(const at::Tensor& x, const at::Tensor& mean) {
  return (x - mean).square().sum(1).mean().div(x.size(1)).clamp_min(kLeastVariance).sqrt();
}

}  // namespace

at::Tensor GaussianSlices(const at::Tensor& x, const at::Tensor& y, const at::Tensor& directions) {
  const at::Tensor mean_x = x.mean(0);
  const at::Tensor mean_y = y.mean(0);
  const at::Tensor apart = at::matmul(directions, mean_x - mean_y).square();
  const at::Tensor wider = (DeviationAlong(x, mean_x, directions) - DeviationAlong(y, mean_y, directions)).square();
  return (apart + wider).mean();
}

at::Tensor Concentrated(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor mean_x = x.mean(0);
  const at::Tensor mean_y = y.mean(0);
  return (mean_x - mean_y).square().mean() + (Width(x, mean_x) - Width(y, mean_y)).square();
}

}  // namespace sliceflow::engine
