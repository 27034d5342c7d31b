// Seeded clouds and directions for the tests of the kernels.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <vector>

namespace sliceflow::kernels {

inline std::vector<float> NormalCloud(int64_t count, int dimension, uint64_t seed, float scale = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> points(count * dimension);
  for (float& coordinate : points) coordinate = scale * normal(random);
  return points;
}

inline std::vector<float> PositiveWeights(int64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(0.1f, 1.0f);
  std::vector<float> weights(count);
  for (float& weight : weights) weight = uniform(random);
  return weights;
}

inline std::vector<float> RandomDirections(int64_t count, int dimension, uint64_t seed) {
  std::vector<float> directions = NormalCloud(count, dimension, seed);
  for (int64_t l = 0; l < count; ++l) {
    double square = 0;
    for (int k = 0; k < dimension; ++k) square += std::pow(directions[l * dimension + k], 2.0);
    for (int k = 0; k < dimension; ++k) directions[l * dimension + k] /= static_cast<float>(std::sqrt(square));
  }
  return directions;
}

// Angles 2π (l + ½) / count: the mean of ⟨θ,v⟩² over them is |v|²/2 for every v when count ≥ 3.
inline std::vector<float> EquallySpacedDirections(int64_t count) {
  std::vector<float> directions;
  for (int64_t l = 0; l < count; ++l) {
    const double angle = 2 * std::numbers::pi * (static_cast<double>(l) + 0.5) / static_cast<double>(count);
    directions.push_back(static_cast<float>(std::cos(angle)));
    directions.push_back(static_cast<float>(std::sin(angle)));
  }
  return directions;
}

}  // namespace sliceflow::kernels
