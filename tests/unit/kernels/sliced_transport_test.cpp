#include "server/engine/kernels/sliced_transport.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/kernels/clouds.h"
#include "tests/unit/kernels/devices.h"
#include "tests/unit/kernels/evaluations.h"

namespace sliceflow::kernels {
namespace {

using ::testing::HasSubstr;

Result FastOn(const std::string& device, const Cloud& x, const Cloud& y, const std::vector<float>& directions) {
  const auto transport = MakeTransportOn(device, ShapeOf(x, y, directions));
  EXPECT_TRUE(transport.ok()) << transport.status();
  return transport.ok() ? Evaluate(**transport, x, y, directions) : Result();
}

struct Case {
  int64_t n, m;
  int dimension;
  int64_t directions;
  bool weighted_x, weighted_y;
};

using DeviceAndCase = std::tuple<const char*, Case>;

std::string Name(const ::testing::TestParamInfo<DeviceAndCase>& info) {
  const Case& c = std::get<1>(info.param);
  return DeviceWord(std::get<0>(info.param)) + "n" + std::to_string(c.n) + "m" + std::to_string(c.m) + "d" + std::to_string(c.dimension) +
         "L" + std::to_string(c.directions) + (c.weighted_x ? "Wx" : "") + (c.weighted_y ? "Wy" : "");
}

class FastEqualsReference : public ::testing::TestWithParam<DeviceAndCase> {
 protected:
  void SetUp() override { SkipWithout(std::get<0>(GetParam())); }
};

TEST_P(FastEqualsReference, ValueErrorAndGradient) {
  const auto& [device, c] = GetParam();
  const Cloud x = Normal(c.n, c.dimension, 11, c.weighted_x), y = Normal(c.m, c.dimension, 12, c.weighted_y);
  const std::vector<float> directions = RandomDirections(c.directions, c.dimension, 13);
  const double n = static_cast<double>(c.n);
  ExpectSame(FastOn(device, x, y, directions), Reference(x, y, directions), c.n < 500 ? 0 : 10 * 2 / (n * c.directions) * 5 / n);
}

// The last ones are those that a GPU has kernels of their own for.
INSTANTIATE_TEST_SUITE_P(Shapes, FastEqualsReference,
                         ::testing::Combine(::testing::ValuesIn(kTransportDevices),
                                            ::testing::Values(Case{1, 1, 1, 1, false, false}, Case{1, 1, 3, 7, false, false},
                                                              Case{1, 5, 2, 9, false, false}, Case{5, 1, 2, 9, false, true},
                                                              Case{2, 2, 2, 64, false, false}, Case{15, 15, 2, 65, false, false},
                                                              Case{16, 16, 3, 8, false, false}, Case{17, 17, 5, 130, false, false},
                                                              Case{1024, 1024, 2, 100, false, false}, Case{1000, 1000, 1, 1, false, false},
                                                              Case{333, 333, 20, 77, false, false}, Case{40, 40, 784, 20, false, false},
                                                              Case{100, 37, 2, 70, false, false}, Case{37, 100, 9, 70, false, false},
                                                              Case{64, 64, 2, 70, true, false}, Case{64, 64, 2, 70, false, true},
                                                              Case{90, 70, 11, 33, true, true}, Case{3, 2, 784, 5, true, true},
                                                              Case{3000, 3000, 2, 10, false, false}, Case{1025, 1025, 2, 5, false, false},
                                                              Case{8192, 8192, 2, 3, false, false}, Case{8193, 8193, 2, 3, false, false},
                                                              Case{2000, 3001, 3, 20, true, false})),
                         Name);

class SlicedTransportOn : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { SkipWithout(GetParam()); }

  static Result Fast(const Cloud& x, const Cloud& y, const std::vector<float>& directions) { return FastOn(GetParam(), x, y, directions); }
  static std::unique_ptr<SlicedTransport> Make(const SlicedTransportShape& shape) { return *MakeTransportOn(GetParam(), shape); }
  static void ExpectFiniteDifferences(const Cloud& x, const Cloud& y, int dimension);
};

INSTANTIATE_TEST_SUITE_P(Devices, SlicedTransportOn, ::testing::ValuesIn(kTransportDevices),
                         [](const ::testing::TestParamInfo<const char*>& info) { return DeviceWord(info.param); });

TEST_P(SlicedTransportOn, TiedPointsFollowTheirOrder) {
  Cloud x{{0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0}, {}, 6};
  const Cloud y = Normal(6, 2, 5);
  const std::vector<float> directions = RandomDirections(40, 2, 6);
  ExpectSame(Fast(x, y, directions), Reference(x, y, directions));
  const Cloud five = Normal(5, 2, 7);
  ExpectSame(Fast(x, five, directions), Reference(x, five, directions));
}

TEST_P(SlicedTransportOn, NegativeZeroTiesWithZero) {
  const Cloud x{{0.0f, -0.0f, 0.0f, -0.0f}, {}, 4}, y{{1, 2, 3, 4}, {}, 4};
  // In index order: differences -1 … -4, times 2/n.
  EXPECT_THAT(Fast(x, y, {1}).gradient, ::testing::ElementsAre(-0.5f, -1.0f, -1.5f, -2.0f));
  EXPECT_THAT(Reference(x, y, {1}).gradient, ::testing::ElementsAre(-0.5f, -1.0f, -1.5f, -2.0f));
}

TEST_P(SlicedTransportOn, SameCloudGivesExactlyNothing) {
  const Cloud x = Normal(500, 3, 21);
  const Result result = Fast(x, x, RandomDirections(100, 3, 22));
  EXPECT_EQ(result.value.value, 0);
  EXPECT_EQ(result.value.standard_error, 0);
  EXPECT_EQ(Norm(result.gradient), 0);
}

TEST_P(SlicedTransportOn, OneDimensionIsTheSortedDifference) {
  const Cloud x{{3, 1, 2}, {}, 3}, y{{10, 30, 20}, {}, 3};
  const Result result = Fast(x, y, {1});
  EXPECT_DOUBLE_EQ(result.value.value, (9.0 * 9 + 18 * 18 + 27 * 27) / 3);
  EXPECT_THAT(result.gradient, ::testing::ElementsAre(-18.0f, -6.0f, -12.0f));
}

TEST_P(SlicedTransportOn, UnequalSizesSplitMassExactly) {
  // Masses ½, ½ against ⅓, ⅓, ⅓: the middle point of y is shared by both.
  const Cloud x{{0, 1}, {}, 2}, y{{5, 7, 6}, {}, 3};
  const Result result = Fast(x, y, {1});
  EXPECT_NEAR(result.value.value, 25.0 / 3 + 36.0 / 6 + 25.0 / 6 + 36.0 / 3, 1e-12);
  EXPECT_NEAR(result.gradient[0], 2 * (-5.0 / 3 - 6.0 / 6), 1e-6);
  EXPECT_NEAR(result.gradient[1], 2 * (-5.0 / 6 - 6.0 / 3), 1e-6);
}

TEST_P(SlicedTransportOn, TranslationCostsSquareOverDimension) {
  const Cloud x = Normal(200, 2, 31);
  Cloud y = x;
  const double v[2] = {1.5, -0.75};
  for (int64_t i = 0; i < y.count; ++i) {
    for (int k = 0; k < 2; ++k) y.points[2 * i + k] += static_cast<float>(v[k]);
  }
  const Result result = Fast(x, y, EquallySpacedDirections(50));
  // Exact but for the rounding of the coordinates (about 1e-7 of values below 5).
  EXPECT_NEAR(result.value.value, (v[0] * v[0] + v[1] * v[1]) / 2, 2e-6);
  // Every point is pulled equally: 2/n of −v/d.
  for (int64_t i = 0; i < x.count; ++i) {
    for (int k = 0; k < 2; ++k) EXPECT_NEAR(result.gradient[2 * i + k], -2.0 / 200 * v[k] / 2, 1e-7);
  }
}

TEST_P(SlicedTransportOn, ScaledCloudsCostSquaredDifferenceOfScales) {
  // x = s z and y = r z are in the same order in every direction, so W2² = (s − r)² mean ⟨θ,z⟩².
  const std::vector<float> z = NormalCloud(1000, 2, 41);
  double square = 0;
  for (const float coordinate : z) square += static_cast<double>(coordinate) * coordinate;
  const Cloud x{NormalCloud(1000, 2, 41, 0.5f), {}, 1000}, y{NormalCloud(1000, 2, 41, 2.0f), {}, 1000};
  const Result result = Fast(x, y, EquallySpacedDirections(40));
  EXPECT_NEAR(result.value.value, 1.5 * 1.5 * square / 1000 / 2, 1e-5);
}

TEST_P(SlicedTransportOn, StandardErrorIsThatOfTheDirections) {
  // One point against the origin: W2² = ⟨θ,x⟩², here 1 and 0; sample variance ½, divided by 2 directions.
  const Cloud x{{1, 0}, {}, 1}, y{{0, 0}, {}, 1};
  const Result result = Fast(x, y, {1, 0, 0, 1});
  EXPECT_DOUBLE_EQ(result.value.value, 0.5);
  EXPECT_DOUBLE_EQ(result.value.standard_error, 0.5);
}

// W2² is piecewise quadratic in one coordinate, so where no two projections change places within ±h central differences are exact but for
// rounding: h = 2⁻¹⁶ turns the 1e-16 of a value of order 1 into 1e-11, and rounding a moved coordinate (2e-7) against the curvature, at
// most 2/n, stays below 1e-7. The chance of a change of places within ±h is some 1e-3 a direction, and the seeds have none.
void SlicedTransportOn::ExpectFiniteDifferences(const Cloud& x, const Cloud& y, int dimension) {
  const std::vector<float> directions = RandomDirections(30, dimension, 53);
  const Result result = Fast(x, y, directions);
  const auto reference = MakeReferenceSlicedTransport(ShapeOf(x, y, directions));
  constexpr float kStep = 1.0f / 65536;
  Cloud moved = x;
  for (size_t i = 0; i < x.points.size(); ++i) {
    moved.points[i] = x.points[i] + kStep;
    const double up = reference->Evaluate(moved.View(), y.View(), directions, {})->value, high = moved.points[i];
    moved.points[i] = x.points[i] - kStep;
    const double down = reference->Evaluate(moved.View(), y.View(), directions, {})->value, low = moved.points[i];
    moved.points[i] = x.points[i];
    EXPECT_NEAR(result.gradient[i], (up - down) / (high - low), 1e-6) << "coordinate " << i;
  }
}

TEST_P(SlicedTransportOn, GradientMatchesFiniteDifferences) {
  ExpectFiniteDifferences(Normal(12, 2, 51), Normal(12, 2, 52), 2);
  ExpectFiniteDifferences(Normal(12, 3, 54), Normal(7, 3, 55), 3);
  ExpectFiniteDifferences(Normal(10, 2, 56, true), Normal(13, 2, 57, true), 2);
}

TEST_P(SlicedTransportOn, GradientSumsToTheShiftOfMeans) {
  // Moving all of x by u changes the value's derivative by 2 mean_θ ⟨θ, mean x − mean y⟩⟨θ, u⟩ = ⟨mean x − mean y, u⟩ in the plane.
  for (const int64_t m : {150, 90}) {
    const Cloud x = Normal(150, 2, 61), y = Normal(m, 2, 62);
    const Result result = Fast(x, y, EquallySpacedDirections(64));
    for (int k = 0; k < 2; ++k) {
      double mean_x = 0, mean_y = 0, sum = 0;
      for (int64_t i = 0; i < x.count; ++i) mean_x += x.points[2 * i + k] / 150.0;
      for (int64_t j = 0; j < m; ++j) mean_y += y.points[2 * j + k] / static_cast<double>(m);
      for (int64_t i = 0; i < x.count; ++i) sum += result.gradient[2 * i + k];
      EXPECT_NEAR(sum, mean_x - mean_y, 1e-5);
    }
  }
}

TEST_P(SlicedTransportOn, WeightsAreReplicatedPoints) {
  const Cloud distinct = Normal(20, 3, 71), y = Normal(30, 3, 72);
  Cloud weighted = distinct, replicated;
  for (int64_t i = 0; i < 20; ++i) {
    const int64_t copies = 1 + i % 3;
    weighted.weights.push_back(static_cast<float>(copies));
    for (int64_t c = 0; c < copies; ++c) {
      replicated.points.insert(replicated.points.end(), distinct.points.begin() + 3 * i, distinct.points.begin() + 3 * i + 3);
    }
    replicated.count += copies;
  }
  const std::vector<float> directions = RandomDirections(50, 3, 73);
  const Result by_weight = Fast(weighted, y, directions), by_copies = Fast(replicated, y, directions);
  EXPECT_NEAR(by_weight.value.value, by_copies.value.value, 1e-9);
  std::vector<float> summed(by_weight.gradient.size(), 0.0f);
  for (int64_t i = 0, row = 0; i < 20; ++i) {
    for (int64_t c = 0; c < 1 + i % 3; ++c, ++row) {
      for (int k = 0; k < 3; ++k) summed[3 * i + k] += by_copies.gradient[3 * row + k];
    }
  }
  EXPECT_LE(Distance(summed, by_weight.gradient), 1e-5 * Norm(by_weight.gradient));
}

TEST_P(SlicedTransportOn, WeightlessPointsChangeNothing) {
  const Cloud x = Normal(10, 2, 75), y = Normal(10, 2, 76);
  Cloud more = y;
  more.weights.assign(10, 2.0f);
  more.points.insert(more.points.end(), {100, 100});
  more.weights.push_back(0);
  more.count = 11;
  const std::vector<float> directions = RandomDirections(30, 2, 77);
  ExpectSame(Fast(x, more, directions), Fast(x, y, directions));
}

TEST_P(SlicedTransportOn, ValueOnlyIsTheSameValue) {
  const Cloud x = Normal(100, 4, 91), y = Normal(100, 4, 92), fewer = Normal(60, 4, 93);
  const std::vector<float> directions = RandomDirections(90, 4, 94);
  const auto transport = Make(ShapeOf(x, y, directions));
  EXPECT_EQ(transport->Evaluate(x.View(), y.View(), directions, {})->value, Fast(x, y, directions).value.value);
  EXPECT_EQ(transport->Evaluate(x.View(), fewer.View(), directions, {})->value, Fast(x, fewer, directions).value.value);
}

TEST_P(SlicedTransportOn, OneEvaluatorServesSmallerShapesBetweenLargerOnes) {
  const Cloud x = Normal(100, 3, 95), y = Normal(80, 3, 96), small_x = Normal(21, 3, 97), small_y = Normal(21, 3, 98, true);
  const std::vector<float> directions = RandomDirections(90, 3, 99), few = RandomDirections(5, 3, 100);
  const auto transport = Make({100, 80, 3, 90});
  for (int repeat = 0; repeat < 2; ++repeat) {
    EXPECT_EQ(Evaluate(*transport, x, y, directions).gradient, Fast(x, y, directions).gradient);
    EXPECT_EQ(Evaluate(*transport, small_x, small_y, few).gradient, Fast(small_x, small_y, few).gradient);
    EXPECT_EQ(Evaluate(*transport, small_x, small_x, few).gradient, Fast(small_x, small_x, few).gradient);
  }
}

// Beside the devices the reference.
std::unique_ptr<SlicedTransport> MakeAny(const std::string& name, const SlicedTransportShape& shape) {
  return name == "reference" ? MakeReferenceSlicedTransport(shape) : *MakeTransportOn(name, shape);
}

class RefusesBadInput : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) != "reference") SkipWithout(GetParam());
  }

  void ExpectRefused(const PointCloud& x, const PointCloud& y, absl::Span<const float> directions, absl::Span<float> gradient,
                     const std::string& words) {
    const auto result = MakeAny(GetParam(), {10, 10, 2, 4})->Evaluate(x, y, directions, gradient);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << words;
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(words));
  }
};

TEST_P(RefusesBadInput, NamingIt) {
  const std::vector<float> points = NormalCloud(11, 2, 1), directions = RandomDirections(5, 2, 2);
  const auto rows = [&](int64_t count) { return absl::MakeConstSpan(points).first(2 * count); };
  const absl::Span<const float> four = absl::MakeConstSpan(directions).first(8);
  const PointCloud good{rows(10), 10};
  std::vector<float> gradient(20);
  ASSERT_TRUE(MakeAny(GetParam(), {10, 10, 2, 4})->Evaluate(good, good, four, absl::MakeSpan(gradient)).ok());
  ExpectRefused({rows(11), 11}, good, four, {}, "x.count is 11; want 1 to 10");
  ExpectRefused(good, {rows(11), 11}, four, {}, "y.count is 11");
  ExpectRefused({{}, 0}, good, four, {}, "x.count is 0");
  ExpectRefused(good, {rows(1), -1}, four, {}, "y.count is -1");
  ExpectRefused({rows(9), 10}, good, four, {}, "x.points has 18 entries; want 10 x 2");
  ExpectRefused(good, good, directions, {}, "directions has 10 entries; want 1 to 4 rows of 2");
  ExpectRefused(good, good, four.first(3), {}, "directions has 3 entries");
  ExpectRefused(good, good, {}, {}, "directions has 0 entries");
  ExpectRefused(good, good, four, absl::MakeSpan(gradient).first(18), "gradient has 18 entries; want 0 or 20");
  const std::vector<float> short_weights(9, 1.0f), none(10, 0.0f);
  std::vector<float> negative(10, 1.0f), broken(10, 1.0f);
  negative[3] = -1;
  broken[3] = NAN;
  ExpectRefused({rows(10), 10, short_weights}, good, four, {}, "x.weights has 9 entries; want 10 or none");
  ExpectRefused(good, {rows(10), 10, none}, four, {}, "y.weights sums to 0");
  ExpectRefused(good, {rows(10), 10, negative}, four, {}, "y.weights holds -1");
  ExpectRefused({rows(10), 10, broken}, good, four, {}, "x.weights holds nan");
}

INSTANTIATE_TEST_SUITE_P(All, RefusesBadInput, ::testing::Values("reference", "cpu", "emulated", "kernels", "cuda:0"),
                         [](const ::testing::TestParamInfo<const char*>& info) { return DeviceWord(info.param); });

}  // namespace
}  // namespace sliceflow::kernels
