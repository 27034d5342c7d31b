#include "server/engine/directions.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

constexpr int64_t kLargestOrthogonalDimension = 64;

at::Tensor EquallySpacedAngles(int64_t count, at::Generator& random) {
  const double offset = at::rand({1}, random, at::TensorOptions(at::kDouble)).item<double>();
  at::Tensor directions = at::empty({count, 2}, at::kFloat);
  float* out = directions.data_ptr<float>();
  for (int64_t i = 0; i < count; ++i) {
    const double angle = std::numbers::pi * (static_cast<double>(i) + offset) / static_cast<double>(count);
    out[2 * i] = static_cast<float>(std::cos(angle));
    out[2 * i + 1] = static_cast<float>(std::sin(angle));
  }
  return directions;
}

void Normalize(double* row, int64_t dimension) {
  double norm = 0;
  for (int64_t k = 0; k < dimension; ++k) norm += row[k] * row[k];
  const double scale = 1 / std::sqrt(norm);
  for (int64_t k = 0; k < dimension; ++k) row[k] *= scale;
}

// Modified Gram-Schmidt of `rows` Gaussian vectors: an orthonormal frame with the uniform (Haar) law.
void Orthonormalize(double* rows, int64_t count, int64_t dimension) {
  for (int64_t i = 0; i < count; ++i) {
    double* row = rows + i * dimension;
    for (int64_t j = 0; j < i; ++j) {
      const double* other = rows + j * dimension;
      double product = 0;
      for (int64_t k = 0; k < dimension; ++k) product += row[k] * other[k];
      for (int64_t k = 0; k < dimension; ++k) row[k] -= product * other[k];
    }
    Normalize(row, dimension);
  }
}

}  // namespace

at::Tensor DrawDirections(int64_t count, int64_t dimension, at::Generator& random) {
  if (dimension == 1) return at::ones({1, 1}, at::kFloat);
  if (dimension == 2) return EquallySpacedAngles(count, random);
  if (dimension > kLargestOrthogonalDimension) {
    const at::Tensor rows = at::randn({count, dimension}, random, at::TensorOptions(at::kFloat));
    return rows / rows.norm(2, {1}, /*keepdim=*/true);
  }
  const at::Tensor rows = at::randn({count, dimension}, random, at::TensorOptions(at::kDouble));
  double* data = rows.data_ptr<double>();
  for (int64_t first = 0; first < count; first += dimension) {
    Orthonormalize(data + first * dimension, std::min(dimension, count - first), dimension);
  }
  return rows.to(at::kFloat);
}

}  // namespace sliceflow::engine
