// Sliced distances of tensors: several targets at once, and evaluators that grow with what they are asked for.
#include "server/engine/sliced_distance.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/engine/directions.h"
#include "server/engine/guarded.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

at::Tensor Points(int64_t count, int64_t dimension, uint64_t seed) {
  at::Generator random = MakeGenerator(seed, Purpose::kSamples);
  return at::randn({count, dimension}, random, at::TensorOptions(at::kFloat));
}

at::Tensor Directions(int64_t count, int dimension) {
  at::Generator random = MakeGenerator(1, Purpose::kInner);
  return DrawDirections(ProjectionSampling::kIndependent, count, dimension, random);
}

// Single precision on both sides: 1e-5 of the larger term.
TEST(SlicedDistanceTest, SumsAreThoseOfSingleTargets) {
  const at::Tensor x = Points(60, 3, 1), directions = Directions(40, 3);
  for (const int64_t count : {60, 45}) {
    const at::Tensor y = Points(count, 3, 2) + 1, z = Points(60, 3, 3);
    SlicedDistance distance;
    const SlicedDistance::Sum sum = distance.EvaluateSum(x, {{y, 10}, {z, -2.5}}, directions);
    const SlicedDistance::Result to_y = distance.Evaluate(x, y, directions, true), to_z = distance.Evaluate(x, z, directions, true);
    EXPECT_NEAR(sum.value, 10 * to_y.value - 2.5 * to_z.value, 1e-5 * 10 * to_y.value);
    const at::Tensor expected = 10 * to_y.gradient - 2.5 * to_z.gradient;
    EXPECT_LE((sum.gradient - expected).norm().item<double>(), 1e-5 * (10 * to_y.gradient).norm().item<double>());
  }
}

TEST(SlicedDistanceTest, ViewsOfOtherTensorsAndGraphsAreTaken) {
  const at::Tensor whole = Points(60, 6, 1), directions = Directions(40, 3);
  const at::Tensor x = whole.narrow(1, 0, 3), y = whole.narrow(1, 3, 3);  // not contiguous
  SlicedDistance distance;
  const SlicedDistance::Sum by_view = distance.EvaluateSum(x.clone().requires_grad_(true), {{y, 1}}, directions);
  const SlicedDistance::Sum by_copy = distance.EvaluateSum(x.contiguous(), {{y.contiguous(), 1}}, directions);
  EXPECT_FALSE(by_view.gradient.requires_grad());
  EXPECT_TRUE(by_view.gradient.equal(by_copy.gradient));
}

TEST(SlicedDistanceTest, OneEvaluatorGrowsWithPointsDirectionsAndTargets) {
  SlicedDistance grown;
  for (const int64_t count : {10, 100, 30}) {
    const at::Tensor x = Points(count, 2, 1), y = Points(count + 5, 2, 2), z = Points(2 * count, 2, 3);
    const at::Tensor directions = Directions(count, 2);
    const auto same = [](const SlicedDistance::Sum& a, const SlicedDistance::Sum& b) {
      return a.value == b.value && a.gradient.equal(b.gradient);
    };
    SlicedDistance one, two;
    EXPECT_TRUE(same(grown.EvaluateSum(x, {{y, 1}}, directions), one.EvaluateSum(x, {{y, 1}}, directions)));
    EXPECT_TRUE(same(grown.EvaluateSum(x, {{y, 1}, {z, -1}}, directions), two.EvaluateSum(x, {{y, 1}, {z, -1}}, directions)));
  }
}

TEST(SlicedDistanceTest, WrongTargetsAreRefused) {
  const at::Tensor x = Points(10, 2, 1), directions = Directions(4, 2);
  const auto words = [&](const std::vector<SlicedDistance::Target>& targets) -> std::string {
    SlicedDistance distance;
    try {
      distance.EvaluateSum(x, targets, directions);
    } catch (const StatusError& error) {
      EXPECT_EQ(error.status().code(), absl::StatusCode::kInvalidArgument);
      return std::string(error.status().message());
    }
    return "taken";
  };
  EXPECT_EQ(words({{x, 1}, {x, 1}}), "taken");
  EXPECT_EQ(words({}), "targets has 0 entries; want 1 to 1");
  EXPECT_EQ(words({{x, 1}, {x, 1}, {x, 1}}), "targets has 3 entries; want 1 to 2");
  EXPECT_EQ(words({{x, INFINITY}}), "targets[0].weight is inf; want a finite float");
  EXPECT_EQ(words({{x, 1}, {Points(10, 3, 2), 1}}), "targets[1]: y.points has 30 entries; want 10 x 2");
}

}  // namespace
}  // namespace sliceflow::engine
