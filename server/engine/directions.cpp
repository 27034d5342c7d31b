#include "server/engine/directions.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

constexpr int64_t kLargestOrthogonalDimension = 64;  // of automatic sampling

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

at::Tensor Independent(int64_t count, int64_t dimension, at::Generator& random) {
  const at::Tensor rows = at::randn({count, dimension}, random, at::TensorOptions(at::kFloat));
  return rows / rows.norm(2, {1}, /*keepdim=*/true);
}

at::Tensor Orthogonal(int64_t count, int64_t dimension, at::Generator& random) {
  const at::Tensor rows = at::randn({count, dimension}, random, at::TensorOptions(at::kDouble));
  double* data = rows.data_ptr<double>();
  for (int64_t first = 0; first < count; first += dimension) {
    Orthonormalize(data + first * dimension, std::min(dimension, count - first), dimension);
  }
  return rows.to(at::kFloat);
}

// `count` points of a Sobol sequence in the unit cube, scrambled by random lower-triangular matrices and a random digital shift.
at::Tensor ScrambledSobol(int64_t count, int64_t dimension, at::Generator& random) {
  constexpr int64_t kBits = 30;
  const at::TensorOptions integers(at::kLong);
  at::Tensor state = at::zeros({dimension, kBits}, integers);
  at::_sobol_engine_initialize_state_(state, dimension);
  const at::Tensor scramble = at::randint(2, {dimension, kBits, kBits}, random, integers).tril();
  at::_sobol_engine_scramble_(state, scramble, dimension);
  const at::Tensor places = at::pow(2, at::arange(kBits, integers));
  const at::Tensor shift = at::randint(2, {dimension, kBits}, random, integers).mul(places).sum(1);
  at::Tensor first = shift.to(at::kDouble).div(std::exp2(kBits)).view({1, dimension});
  if (count == 1) return first;
  return at::cat({first, std::get<0>(at::_sobol_engine_draw(shift, count - 1, state, dimension, 0, at::kDouble))});
}

at::Tensor SobolOnSphere(int64_t count, int64_t dimension, at::Generator& random) {
  constexpr double kLeast = 1e-9;  // the cube's corner has no quantile
  const at::Tensor cube = ScrambledSobol(count, dimension, random).clamp(kLeast, 1 - kLeast);
  const at::Tensor rows = at::erfinv(2 * cube - 1);
  return (rows / rows.norm(2, {1}, /*keepdim=*/true)).to(at::kFloat);
}

}  // namespace

at::Tensor DrawDirections(ProjectionSampling sampling, int64_t count, int64_t dimension, at::Generator& random) {
  if (dimension == 1) return at::ones({1, 1}, at::kFloat);
  if (sampling == ProjectionSampling::kAutomatic && dimension == 2) sampling = ProjectionSampling::kQuasiMonteCarlo;
  const bool orthogonal = sampling == ProjectionSampling::kAutomatic && dimension <= kLargestOrthogonalDimension;
  if (orthogonal || sampling == ProjectionSampling::kOrthogonal) return Orthogonal(count, dimension, random);
  if (sampling == ProjectionSampling::kQuasiMonteCarlo) {
    return dimension == 2 ? EquallySpacedAngles(count, random) : SobolOnSphere(count, dimension, random);
  }
  return Independent(count, dimension, random);
}

}  // namespace sliceflow::engine
