#include "server/engine/functionals/potential_logistic_regression.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

constexpr double kRate = 0.01;  // β of the Gamma prior
constexpr int64_t kTileRows = 1024;
constexpr int64_t kThoroughRows = 10000;

}  // namespace

LogisticRegressionFunctional::LogisticRegressionFunctional(const BayesianLogisticRegressionPotential& spec, uint64_t seed)
    : training_(DivideRows(spec, seed).training), batch_size_(spec.batch_size) {}

LabelledRows LogisticRegressionFunctional::Rows(const TermDraw& draw) const {
  const int64_t all = training_.labels.size(0);
  if (batch_size_ == 0) return training_;
  const int64_t wanted = draw.thorough ? std::max(batch_size_, kThoroughRows) : batch_size_;
  if (wanted >= all) return training_;
  at::Generator random = draw.random;
  const at::Tensor chosen = at::randint(all, {wanted}, random, at::TensorOptions(at::kLong));
  return {.features = training_.features.index_select(0, chosen), .labels = training_.labels.index_select(0, chosen)};
}

TermValue LogisticRegressionFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const at::Tensor x = batch.x.detach();
  const int64_t p = training_.features.size(1);
  const at::Tensor w = x.narrow(1, 0, p);
  const at::Tensor s = x.select(1, p);
  const at::Tensor alpha = s.exp();
  const at::Tensor square = w.square().sum(1);

  const LabelledRows rows = Rows(draw);
  const double scale = static_cast<double>(training_.labels.size(0)) / static_cast<double>(rows.labels.size(0));
  at::Tensor loss = at::zeros_like(s);
  at::Tensor gradient = draw.with_gradient ? at::zeros_like(x) : at::Tensor();
  for (int64_t first = 0; first < rows.labels.size(0); first += kTileRows) {
    const int64_t count = std::min(kTileRows, rows.labels.size(0) - first);
    const at::Tensor labels = rows.labels.narrow(0, first, count);
    const at::Tensor signed_features = rows.features.narrow(0, first, count) * labels.unsqueeze(1);
    const at::Tensor margins = at::matmul(w, signed_features.t());
    loss.add_(at::log_sigmoid(margins).sum(1), -scale);
    if (draw.with_gradient) gradient.narrow(1, 0, p).sub_(at::matmul(at::sigmoid(-margins), signed_features), scale);
  }

  const double half_p = 0.5 * static_cast<double>(p);
  const at::Tensor v =
      loss + 0.5 * alpha * square - (half_p + 1) * s + kRate * alpha + (half_p * std::log(2 * std::numbers::pi) - std::log(kRate));
  if (draw.with_gradient) {
    gradient.narrow(1, 0, p).add_(w * alpha.unsqueeze(1));
    gradient.select(1, p).copy_(0.5 * alpha * square - (half_p + 1) + kRate * alpha);
  }
  return PotentialValue(v, gradient);
}

}  // namespace sliceflow::engine
