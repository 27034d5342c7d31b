#include "server/engine/functionals/interaction_expression.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

namespace sliceflow::engine {

ExpressionInteractionFunctional::ExpressionInteractionFunctional(const ExpressionInteraction& spec, int dimension)
    : kernel_(std::get<0>(Expression::Compile(spec.source, dimension, kKernelRows))) {}

TermValue ExpressionInteractionFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  // Only differences matter: centred, their digits are not lost to a distant mean.
  const at::Tensor x = batch.x.detach() - batch.x.detach().mean(0);
  const int64_t n = x.size(0);
  const int64_t d = x.size(1);
  TermValue result;
  if (draw.with_gradient) result.gradient = at::zeros_like(x);
  if (n == 1) {
    result.per_sample = at::zeros({1}, at::kFloat);
    return result;
  }
  at::Tensor sums = at::zeros({n}, at::kDouble);  // Σ_{j≠i} (W(xᵢ − xⱼ) + W(xⱼ − xᵢ))
  const int64_t width = std::min(n, kernel_->rows());
  const int64_t height = std::clamp<int64_t>(kernel_->rows() / width, 1, n);
  for (int64_t first = 0; first < n; first += height) {
    const int64_t rows = std::min(height, n - first);
    for (int64_t start = 0; start < n; start += width) {
      const int64_t columns = std::min(width, n - start);
      const at::Tensor z = x.narrow(0, first, rows).unsqueeze(1) - x.narrow(0, start, columns).unsqueeze(0);
      const Expression::Values values = kernel_->Evaluate(z.reshape({-1, d}), draw.with_gradient);
      const at::Tensor kernel = values.value.view({rows, columns});
      kernel.diagonal(first - start).zero_();
      sums.narrow(0, first, rows).add_(kernel.sum(1, /*keepdim=*/false, at::kDouble));
      sums.narrow(0, start, columns).add_(kernel.sum(0, /*keepdim=*/false, at::kDouble));
      if (!draw.with_gradient) continue;
      const at::Tensor force = values.gradient.view({rows, columns, d});
      force.diagonal(first - start, 0, 1).zero_();
      result.gradient.narrow(0, first, rows).add_(force.sum(1));
      result.gradient.narrow(0, start, columns).sub_(force.sum(0));
    }
  }
  const auto others = static_cast<double>(n - 1);
  const at::Tensor half_means = sums * (0.25 / others);  // ½ mean_{j≠i} of the even part of W
  result.value = half_means.mean().item<double>();
  // The first-order projection of the U-statistic: its error is twice that of the half means.
  result.per_sample = (2 * half_means - result.value).to(at::kFloat);
  if (draw.with_gradient) result.gradient.div_(2 * others * static_cast<double>(n));
  return result;
}

}  // namespace sliceflow::engine
