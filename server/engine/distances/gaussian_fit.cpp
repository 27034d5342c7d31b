#include "server/engine/distances/gaussian_fit.h"

#include <optional>

#include <ATen/ATen.h>

#include "server/engine/dense.h"

namespace sliceflow::engine {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

GaussianFit FitGaussian(const Side& side, const at::Tensor& samples) {
  if (std::optional<GaussianLaw> exact = side.moments(); exact.has_value()) return {*std::move(exact), at::Tensor()};
  Moments moments = MomentsOf(samples);
  return {{std::move(moments.mean), std::move(moments.covariance)}, samples};
}

double FitVariance(const GaussianFit& fit, const FitGradient& gradient) {
  if (!fit.samples.defined()) return 0;
  const at::Tensor rows = fit.samples.to(at::kDouble).contiguous();
  const Eigen::Map<const RowMajor> x(rows.const_data_ptr<double>(), rows.size(0), rows.size(1));
  const RowMajor centred = x.rowwise() - fit.law.mean.transpose();
  const RowMajor turned = centred * gradient.covariance;
  const Eigen::ArrayXd influence = (centred * gradient.mean).array() + turned.cwiseProduct(centred).rowwise().sum().array();
  const auto n = static_cast<double>(influence.size());
  return (influence - influence.mean()).square().sum() / (n * (n - 1));
}

}  // namespace sliceflow::engine
