// Several targets in one evaluation, against one reference evaluation a target.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/kernels/sliced_transport.h"
#include "tests/unit/kernels/clouds.h"
#include "tests/unit/kernels/devices.h"
#include "tests/unit/kernels/evaluations.h"

namespace sliceflow::kernels {
namespace {

using ::testing::HasSubstr;

// A target and its share of the sum; `cloud` must outlive what it is handed to.
SlicedTarget Weighted(double weight, const Cloud& cloud) { return {cloud.View(), weight}; }

SlicedTransportShape ShapeFor(const Cloud& x, const std::vector<SlicedTarget>& targets, const std::vector<float>& directions) {
  SlicedTransportShape shape = ShapeOf(x, x, directions);
  for (const SlicedTarget& target : targets) shape.max_y = std::max(shape.max_y, target.cloud.count);
  shape.max_targets = kMostTargets;
  return shape;
}

// The devices, and what they are compared with.
std::unique_ptr<SlicedTransport> Make(const std::string& name, const SlicedTransportShape& shape) {
  return name == "reference" ? MakeReferenceSlicedTransport(shape) : *MakeTransportOn(name, shape);
}

// By one reference evaluation a target, summed in double.
void ExpectSumOfReferences(const SumResult& sum, const Cloud& x, const std::vector<SlicedTarget>& targets,
                           const std::vector<float>& directions, double swaps = 0) {
  const auto reference = MakeReferenceSlicedTransport(ShapeFor(x, targets, directions));
  std::vector<double> expected(x.points.size(), 0.0);
  double allowed = 1e-9;
  for (size_t j = 0; j < targets.size(); ++j) {
    std::vector<float> gradient(x.points.size());
    const auto value = reference->Evaluate(x.View(), targets[j].cloud, directions, absl::MakeSpan(gradient));
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_NEAR(sum.values[j].value, value->value, 2e-5 * value->value + 1e-12) << "target " << j;
    EXPECT_NEAR(sum.values[j].standard_error, value->standard_error, 2e-5 * value->value + 1e-12) << "target " << j;
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += targets[j].weight * gradient[i];
    // As ExpectSame has it, of each term: terms of opposite signs cancel, their roundings do not.
    allowed += std::abs(targets[j].weight) * (2e-5 * Norm(gradient) + swaps);
  }
  EXPECT_LE(Distance(sum.gradient, std::vector<float>(expected.begin(), expected.end())), allowed);
}

struct SumCase {
  int64_t count, first, second;  // points of x and of the targets; second 0: there is none
  int dimension;
  int64_t directions;
  double weight, second_weight;
  bool weighted_x, weighted_first, weighted_second;
};

class SumEqualsReferences : public ::testing::TestWithParam<std::tuple<const char*, SumCase>> {
 protected:
  void SetUp() override {
    if (std::string(std::get<0>(GetParam())) != "reference") SkipWithout(std::get<0>(GetParam()));
  }
};

TEST_P(SumEqualsReferences, ValuesErrorsAndGradient) {
  const auto& [device, c] = GetParam();
  const Cloud x = Normal(c.count, c.dimension, 211, c.weighted_x), first = Normal(c.first, c.dimension, 213, c.weighted_first);
  const Cloud second = Normal(std::max<int64_t>(c.second, 1), c.dimension, 215, c.weighted_second);
  std::vector<SlicedTarget> targets = {Weighted(c.weight, first)};
  if (c.second > 0) targets.push_back(Weighted(c.second_weight, second));
  const std::vector<float> directions = RandomDirections(c.directions, c.dimension, 217);
  const auto transport = Make(device, ShapeFor(x, targets, directions));
  const double n = static_cast<double>(c.count);
  ExpectSumOfReferences(EvaluateSum(*transport, x, targets, directions), x, targets, directions,
                        c.count < 500 ? 0 : 10 * 2 / (n * c.directions) * 5 / n);
}

INSTANTIATE_TEST_SUITE_P(Shapes, SumEqualsReferences,
                         ::testing::Combine(::testing::Values("reference", "cpu", "emulated", "kernels", "cuda:0"),
                                            ::testing::Values(SumCase{1, 1, 1, 1, 1, 10, -2.5}, SumCase{1, 1, 0, 2, 7, 3},
                                                              SumCase{15, 15, 15, 2, 65, 10, -2.5}, SumCase{16, 16, 16, 3, 8, 10, -2.5},
                                                              SumCase{17, 17, 17, 5, 130, 10, -2.5}, SumCase{17, 17, 0, 5, 130, -0.5},
                                                              SumCase{1024, 1024, 1024, 2, 100, 10, -2.5},
                                                              SumCase{333, 333, 333, 20, 77, 0, 1}, SumCase{40, 40, 40, 784, 20, 1, 1},
                                                              SumCase{100, 37, 100, 2, 70, 10, -2.5}, SumCase{37, 100, 50, 9, 70, 10, -2.5},
                                                              SumCase{100, 37, 0, 2, 70, -3}, SumCase{64, 64, 64, 2, 70, 10, -2.5, true},
                                                              SumCase{64, 64, 64, 2, 70, 10, -2.5, false, true},
                                                              SumCase{64, 64, 64, 2, 70, 10, -2.5, false, false, true},
                                                              SumCase{90, 70, 110, 11, 33, -1, 2, true, true, true})),
                         [](const auto& info) {
                           const SumCase& c = std::get<1>(info.param);
                           return absl::StrCat(DeviceWord(std::get<0>(info.param)), "n", c.count, "m", c.first, "m", c.second, "d",
                                               c.dimension, "L", c.directions, c.weight < 0 ? "negative" : "", c.weighted_x ? "Wx" : "",
                                               c.weighted_first ? "W1" : "", c.weighted_second ? "W2" : "");
                         });

class SlicedSumOn : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { SkipWithout(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, SlicedSumOn, ::testing::ValuesIn(kTransportDevices),
                         [](const ::testing::TestParamInfo<const char*>& info) { return DeviceWord(info.param); });

TEST_P(SlicedSumOn, OneTargetOfWeightOneIsEvaluate) {
  const std::vector<float> directions = RandomDirections(20, 3, 221);
  const Cloud x = Normal(100, 3, 222), y = Normal(100, 3, 223), fewer = Normal(60, 3, 224, true);
  for (const Cloud* target : {&y, &fewer}) {
    const auto transport = Make(GetParam(), ShapeFor(x, {Weighted(1, *target)}, directions));
    const Result one = Evaluate(*transport, x, *target, directions);
    const SumResult sum = EvaluateSum(*transport, x, {Weighted(1, *target)}, directions);
    EXPECT_EQ(sum.values[0].value, one.value.value);
    EXPECT_EQ(sum.values[0].standard_error, one.value.standard_error);
    EXPECT_EQ(sum.gradient, one.gradient);
  }
}

TEST_P(SlicedSumOn, TiedPointsFollowTheirOrder) {
  const Cloud x{{0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0}, {}, 6};
  const Cloud y = Normal(6, 2, 231), z = Normal(6, 2, 232), five = Normal(5, 2, 233);
  const std::vector<float> directions = RandomDirections(40, 2, 234);
  for (const std::vector<SlicedTarget>& targets :
       {std::vector{Weighted(1, y), Weighted(-0.25, z)}, {Weighted(1, five), Weighted(-0.25, z)}}) {
    const auto transport = Make(GetParam(), ShapeFor(x, targets, directions));
    ExpectSumOfReferences(EvaluateSum(*transport, x, targets, directions), x, targets, directions);
  }
}

// Powers of two, with which products are exact.
TEST_P(SlicedSumOn, OppositeWeightsOfOneTargetLeaveExactlyNothing) {
  const Cloud x = Normal(200, 3, 241), y = Normal(200, 3, 242);
  const std::vector<float> directions = RandomDirections(50, 3, 244);
  const std::vector<SlicedTarget> targets = {Weighted(4, y), Weighted(-4, y)};
  const SumResult sum = EvaluateSum(*Make(GetParam(), ShapeFor(x, targets, directions)), x, targets, directions);
  EXPECT_EQ(Norm(sum.gradient), 0);
  EXPECT_EQ(sum.values[0].value, sum.values[1].value);
  EXPECT_GT(sum.values[0].value, 0);
}

// One dimension: sorted differences. x in order 1, 2, 3 lies 9, 18, 27 below the first target and 1 above the second.
TEST_P(SlicedSumOn, EachTargetIsMatchedByItsOwnOrder) {
  const Cloud x{{3, 1, 2}, {}, 3}, first{{10, 30, 20}, {}, 3}, second{{0, 1, 2}, {}, 3};
  const std::vector<SlicedTarget> targets = {Weighted(1, first), Weighted(-3, second)};
  const std::vector<float> directions = {1};
  const SumResult sum = EvaluateSum(*Make(GetParam(), ShapeFor(x, targets, directions)), x, targets, directions);
  EXPECT_DOUBLE_EQ(sum.values[0].value, (9.0 * 9 + 18 * 18 + 27 * 27) / 3);
  EXPECT_DOUBLE_EQ(sum.values[1].value, 1);
  EXPECT_THAT(sum.gradient, ::testing::ElementsAre(-18.0f - 2, -6.0f - 2, -12.0f - 2));
}

// The step and its tolerance are those of SlicedTransportOn, times the weights' 3.5.
TEST_P(SlicedSumOn, GradientMatchesFiniteDifferences) {
  const Cloud x = Normal(12, 2, 251), y = Normal(12, 2, 252), equal = Normal(12, 2, 253), fewer = Normal(7, 2, 254);
  const std::vector<float> directions = RandomDirections(30, 2, 255);
  constexpr float kStep = 1.0f / 65536;
  for (const Cloud* other : {&equal, &fewer}) {
    const std::vector<SlicedTarget> targets = {Weighted(2, y), Weighted(-1.5, *other)};
    const SumResult sum = EvaluateSum(*Make(GetParam(), ShapeFor(x, targets, directions)), x, targets, directions);
    const auto reference = MakeReferenceSlicedTransport(ShapeFor(x, targets, directions));
    const auto energy = [&](const Cloud& at) {
      double value = 0;
      for (const SlicedTarget& target : targets)
        value += target.weight * reference->Evaluate(at.View(), target.cloud, directions, {})->value;
      return value;
    };
    Cloud up = x, down = x;
    for (size_t i = 0; i < x.points.size(); ++i) {
      up.points[i] += kStep;
      down.points[i] -= kStep;
      const double width = static_cast<double>(up.points[i]) - down.points[i];
      EXPECT_NEAR(sum.gradient[i], (energy(up) - energy(down)) / width, 4e-6) << "coordinate " << i;
      up.points[i] = down.points[i] = x.points[i];
    }
  }
}

TEST_P(SlicedSumOn, OneEvaluatorServesSumsAndSingleTargetsInTurn) {
  const Cloud x = Normal(40, 3, 261), y = Normal(40, 3, 262), fewer = Normal(30, 3, 263), small = Normal(21, 3, 264, true);
  const std::vector<float> directions = RandomDirections(20, 3, 265);
  const std::vector<SlicedTarget> equal = {Weighted(1, y), Weighted(-0.25, x)}, unequal = {Weighted(1, fewer), Weighted(-0.25, y)};
  const SlicedTransportShape shape{40, 40, 3, 20, 2};
  const auto transport = Make(GetParam(), shape);
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (const std::vector<SlicedTarget>& targets : {equal, unequal}) {
      EXPECT_EQ(EvaluateSum(*transport, x, targets, directions).gradient,
                EvaluateSum(*Make(GetParam(), shape), x, targets, directions).gradient);
    }
    EXPECT_EQ(EvaluateSum(*transport, small, equal, directions).gradient,
              EvaluateSum(*Make(GetParam(), shape), small, equal, directions).gradient);
    EXPECT_EQ(Evaluate(*transport, x, y, directions).gradient, Evaluate(*Make(GetParam(), shape), x, y, directions).gradient);
  }
}

TEST_P(SlicedSumOn, ValuesWithoutAGradientAreTheSame) {
  const Cloud x = Normal(100, 4, 271), y = Normal(100, 4, 272), z = Normal(100, 4, 273), fewer = Normal(60, 4, 274);
  const std::vector<float> directions = RandomDirections(20, 4, 275);
  for (const Cloud* other : {&z, &fewer}) {
    const std::vector<SlicedTarget> targets = {Weighted(1, y), Weighted(-0.25, *other)};
    const auto transport = Make(GetParam(), ShapeFor(x, targets, directions));
    const SumResult sum = EvaluateSum(*transport, x, targets, directions);
    std::vector<SlicedValue> values(2);
    ASSERT_TRUE(transport->EvaluateSum(x.View(), targets, directions, {}, absl::MakeSpan(values)).ok());
    for (int j = 0; j < 2; ++j) {
      EXPECT_EQ(values[j].value, sum.values[j].value);
      EXPECT_EQ(values[j].standard_error, sum.values[j].standard_error);
    }
  }
}

class RefusesBadTargets : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) != "reference") SkipWithout(GetParam());
  }

  void ExpectRefused(const std::vector<SlicedTarget>& targets, size_t values, int max_targets, const std::string& words) {
    std::vector<SlicedValue> room(values);
    const absl::Status status =
        Make(GetParam(), {10, 10, 2, 4, max_targets})->EvaluateSum(x_.View(), targets, directions_, {}, absl::MakeSpan(room));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << words;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
  }

  const Cloud x_ = Normal(10, 2, 281);
  const std::vector<float> directions_ = RandomDirections(4, 2, 282);
};

TEST_P(RefusesBadTargets, SayingWhatIsWrong) {
  const SlicedTarget good = Weighted(1, x_);
  ExpectRefused({}, 0, 2, "targets has 0 entries; want 1 to 2");
  ExpectRefused({good, good}, 2, 1, "targets has 2 entries; want 1 to 1");
  ExpectRefused({good, good, good}, 3, 2, "targets has 3 entries; want 1 to 2");
  ExpectRefused({good}, 1, 3, "max_targets is 3; want 1 to 2");
  ExpectRefused({good}, 1, 0, "max_targets is 0; want 1 to 2");
  ExpectRefused({good, good}, 1, 2, "values has 1 entries; want 2");
  ExpectRefused({good, Weighted(std::numeric_limits<double>::quiet_NaN(), x_)}, 2, 2, "targets[1].weight is nan");
  ExpectRefused({Weighted(1e39, x_)}, 1, 2, "targets[0].weight is 1e+39; want a finite float");
  const Cloud many = Normal(11, 2, 283);
  ExpectRefused({good, Weighted(1, many)}, 2, 2, "targets[1]: y.count is 11; want 1 to 10");
}

INSTANTIATE_TEST_SUITE_P(All, RefusesBadTargets, ::testing::Values("reference", "cpu", "emulated", "kernels", "cuda:0"),
                         [](const ::testing::TestParamInfo<const char*>& info) { return DeviceWord(info.param); });

}  // namespace
}  // namespace sliceflow::kernels
