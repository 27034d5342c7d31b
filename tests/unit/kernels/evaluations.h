// One call of a sliced transport and what came of it, for the tests of the kernels.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/kernels/sliced_transport.h"
#include "tests/unit/kernels/clouds.h"

namespace sliceflow::kernels {

struct Cloud {
  std::vector<float> points;
  std::vector<float> weights;
  int64_t count = 0;
  PointCloud View() const { return {points, count, weights}; }
};

inline Cloud Normal(int64_t count, int dimension, uint64_t seed, bool weighted = false) {
  return {NormalCloud(count, dimension, seed), weighted ? PositiveWeights(count, seed + 1) : std::vector<float>(), count};
}

struct Result {
  SlicedValue value;
  std::vector<float> gradient;
};

inline Result Evaluate(SlicedTransport& transport, const Cloud& x, const Cloud& y, const std::vector<float>& directions) {
  Result result;
  result.gradient.resize(x.points.size(), NAN);
  const auto value = transport.Evaluate(x.View(), y.View(), directions, absl::MakeSpan(result.gradient));
  EXPECT_TRUE(value.ok()) << value.status();
  if (value.ok()) result.value = *value;
  return result;
}

// One call with several targets.
struct SumResult {
  std::vector<SlicedValue> values;
  std::vector<float> gradient;
};

inline SumResult EvaluateSum(SlicedTransport& transport, const Cloud& x, const std::vector<SlicedTarget>& targets,
                             const std::vector<float>& directions) {
  SumResult result{std::vector<SlicedValue>(targets.size(), {NAN, NAN}), std::vector<float>(x.points.size(), NAN)};
  const absl::Status status =
      transport.EvaluateSum(x.View(), targets, directions, absl::MakeSpan(result.gradient), absl::MakeSpan(result.values));
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

inline SlicedTransportShape ShapeOf(const Cloud& x, const Cloud& y, const std::vector<float>& directions) {
  const int dimension = static_cast<int>(static_cast<int64_t>(x.points.size()) / x.count);
  return {x.count, y.count, dimension, static_cast<int64_t>(directions.size()) / dimension};
}

inline Result Reference(const Cloud& x, const Cloud& y, const std::vector<float>& directions) {
  return Evaluate(*MakeReferenceSlicedTransport(ShapeOf(x, y, directions)), x, y, directions);
}

inline double Norm(const std::vector<float>& values) {
  double square = 0;
  for (const float value : values) square += static_cast<double>(value) * value;
  return std::sqrt(square);
}

inline double Distance(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> difference(a.size());
  for (size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  return Norm(difference);
}

// Projections of size O(√d) carry a float's rounding of about 1e-7·√d each: 2e-5 of the value and of the gradient's norm is a hundred
// times that. Of n·L projections about n²·L·4e-8 neighbours lie closer than the rounding and may change places; each such swap moves the
// gradient by 2/(n·L) times the gap between their partners, which is some 5/n. That is less than one swap below 500 points; `swaps`
// allows for those of larger clouds.
inline void ExpectSame(const Result& fast, const Result& reference, double swaps = 0) {
  EXPECT_NEAR(fast.value.value, reference.value.value, 2e-5 * reference.value.value + 1e-12);
  EXPECT_NEAR(fast.value.standard_error, reference.value.standard_error, 2e-5 * reference.value.value + 1e-12);
  EXPECT_LE(Distance(fast.gradient, reference.gradient), 2e-5 * Norm(reference.gradient) + 1e-9 + swaps);
}

}  // namespace sliceflow::kernels
