#include "server/engine/models/linear_layer.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

std::vector<at::Tensor> LinearLayer::InitialParameters(at::Generator& /*random*/) const {
  return {at::zeros({dimension_, dimension_}, at::kFloat), at::zeros({dimension_}, at::kFloat)};
}

// Rows are points, so the product with L U is applied from the right, factor by factor: n·d² and never d³.
Pushed LinearLayer::Forward(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const {
  const at::Tensor& packed = parameters[0];
  const at::Tensor log_diagonal = packed.diagonal();
  const at::Tensor upper = at::matmul(u, packed.triu(1).t()) + u * log_diagonal.exp();
  const at::Tensor both = upper + at::matmul(upper, packed.tril(-1).t());
  return {.v = both + parameters[1], .log_determinant = log_diagonal.sum()};
}

at::Tensor LinearLayer::Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const {
  const at::Tensor packed = parameters[0].to(at::kDouble);
  const at::Tensor upper = packed.triu(1) + at::diag(packed.diagonal().exp());
  const at::Tensor columns = (v - parameters[1]).to(at::kDouble).t();
  const at::Tensor half = at::linalg_solve_triangular(packed.tril(-1), columns, /*upper=*/false, /*left=*/true, /*unitriangular=*/true);
  return at::linalg_solve_triangular(upper, half, /*upper=*/true).t().to(at::kFloat).contiguous();
}

}  // namespace sliceflow::engine
