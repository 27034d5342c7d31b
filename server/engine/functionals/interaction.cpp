#include "server/engine/functionals/interaction.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

namespace sliceflow::engine {

InteractionFunctional::InteractionFunctional(std::unique_ptr<const RadialKernel> kernel, int64_t random_pairs)
    : kernel_(std::move(kernel)), random_pairs_(random_pairs) {}

PairSums InteractionFunctional::Sums(const at::Tensor& x, const TermDraw& draw) const {
  const int64_t n = x.size(0);
  // A round of random pairs gives n pairs, and two partners to every sample.
  int64_t rounds = (random_pairs_ + n - 1) / n;
  if (draw.thorough) rounds = std::max(rounds, kThoroughPartners / 2);
  // Every pair at once costs no more than meeting as many partners as there are others.
  if (random_pairs_ == 0 || 2 * rounds >= n - 1) return SumOverPairs(*kernel_, x, x, Pairs::kDistinct, draw.with_gradient);
  at::Generator random = draw.random;
  return SumOverRandomPairs(*kernel_, x, rounds, random, draw.with_gradient);
}

TermValue InteractionFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  const at::Tensor x = batch.x.detach();
  const int64_t n = x.size(0);
  TermValue result;
  if (n == 1) {
    result.per_sample = at::zeros({1}, at::kFloat);
    if (draw.with_gradient) result.gradient = at::zeros_like(x);
    return result;
  }
  const PairSums sums = Sums(x, draw);
  const auto partners = static_cast<double>(sums.partners);
  const at::Tensor half_means = sums.values * (0.5 / partners);  // hᵢ = ½ mean_{j≠i} W(xᵢ − xⱼ)
  result.value = half_means.mean(at::kDouble).item<double>();
  // The first-order projection of the U-statistic: its error is twice that of the mean of hᵢ. Few partners can only overstate it.
  result.per_sample = 2 * half_means - result.value;
  result.other_error = 0.5 * sums.choice_error;
  if (draw.with_gradient) result.gradient = sums.gradients / (partners * static_cast<double>(n));
  return result;
}

}  // namespace sliceflow::engine
