#include "server/engine/metrics/relative_entropy_to_target.h"

#include <cmath>

#include <ATen/ATen.h>

namespace sliceflow::engine {

std::vector<Metric> RelativeEntropyToTarget::Compute(const Batch& batch, double /*wasserstein_time*/) const {
  const at::Tensor log_target = target_.Evaluate(batch.x, /*with_gradient=*/false).log_density.to(at::kDouble);
  const at::Tensor ratio = batch.log_density.to(at::kDouble) - log_target;
  const auto n = static_cast<double>(ratio.size(0));
  const double error = ratio.size(0) > 1 ? ratio.std(/*unbiased=*/true).item<double>() / std::sqrt(n) : 0;
  // Weights in units of the largest, which neither overflow nor all vanish.
  const at::Tensor weights = (ratio.min() - ratio).exp();
  const double effective = std::pow(weights.sum().item<double>(), 2) / (n * weights.square().sum().item<double>());
  return {{"kl_to_target", ratio.mean().item<double>(), error}, {"effective_sample_size", effective, 0}};
}

}  // namespace sliceflow::engine
