#include "server/engine/metrics/held_out_prediction.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

constexpr int64_t kTileRows = 1024;

}  // namespace

HeldOutPrediction::HeldOutPrediction(const BayesianLogisticRegressionPotential& spec, uint64_t seed)
    : held_out_(DivideRows(spec, seed).held_out) {}

std::vector<Metric> HeldOutPrediction::Compute(const Batch& batch, double /*wasserstein_time*/) const {
  const int64_t rows = held_out_.labels.size(0);
  const at::Tensor weights = batch.x.narrow(1, 0, held_out_.features.size(1));
  double right = 0;
  double log_likelihood = 0;
  for (int64_t first = 0; first < rows; first += kTileRows) {
    const int64_t count = std::min(kTileRows, rows - first);
    const at::Tensor features = held_out_.features.narrow(0, first, count) * held_out_.labels.narrow(0, first, count).unsqueeze(1);
    const at::Tensor of_label = at::sigmoid(at::matmul(weights, features.t())).mean(0, false, at::kDouble);
    right += static_cast<double>((of_label > 0.5).sum().item<int64_t>());
    log_likelihood += of_label.clamp_min(1e-300).log().sum().item<double>();
  }
  const auto n = static_cast<double>(rows);
  const double accuracy = right / n;
  return {{"accuracy", accuracy, std::sqrt(accuracy * (1 - accuracy) / n)}, {"log_likelihood", log_likelihood / n, 0}};
}

}  // namespace sliceflow::engine
