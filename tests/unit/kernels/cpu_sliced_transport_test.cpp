// What only the processor's sliced transport has: threads and instruction sets.
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "server/engine/kernels/sliced_transport.h"
#include "tests/unit/kernels/clouds.h"
#include "tests/unit/kernels/evaluations.h"

namespace sliceflow::kernels {
namespace {

Result Fast(const Cloud& x, const Cloud& y, const std::vector<float>& directions, int threads = 1) {
  return Evaluate(*MakeCpuSlicedTransport(ShapeOf(x, y, directions), threads), x, y, directions);
}

// Weights, and sizes beyond one block of directions, or of so many dimensions that many directions are projected together.
struct Shared {
  int64_t count;
  int dimension;
  int64_t directions;
  bool weighted;
};

class BitIdentical : public ::testing::TestWithParam<Shared> {};

TEST_P(BitIdentical, OnAnyNumberOfThreads) {
  const Shared& shared = GetParam();
  const std::vector<float> directions = RandomDirections(shared.directions, shared.dimension, 83);
  const Cloud x = Normal(shared.count, shared.dimension, 81, shared.weighted), y = Normal(shared.count, shared.dimension, 82);
  const Result one = Fast(x, y, directions, 1);
  ExpectSame(one, Reference(x, y, directions));
  for (const int threads : {2, 3, 16}) {
    const auto transport = MakeCpuSlicedTransport(ShapeOf(x, y, directions), threads);
    for (int repeat = 0; repeat < 3; ++repeat) {
      const Result many = Evaluate(*transport, x, y, directions);
      EXPECT_EQ(many.value.value, one.value.value);
      EXPECT_EQ(many.value.standard_error, one.value.standard_error);
      EXPECT_EQ(many.gradient, one.gradient) << threads << " threads";
    }
  }
}

TEST_P(BitIdentical, WithTwoTargetsOnAnyNumberOfThreads) {
  const Shared& shared = GetParam();
  const std::vector<float> directions = RandomDirections(shared.directions, shared.dimension, 83);
  const Cloud x = Normal(shared.count, shared.dimension, 81, shared.weighted), y = Normal(shared.count, shared.dimension, 82);
  const Cloud z = Normal(shared.count, shared.dimension, 84);
  const std::vector<SlicedTarget> targets = {{y.View(), 10}, {z.View(), -2.5}};
  SlicedTransportShape shape = ShapeOf(x, y, directions);
  shape.max_targets = 2;
  const SumResult one = EvaluateSum(*MakeCpuSlicedTransport(shape, 1), x, targets, directions);
  for (const int threads : {2, 3, 16}) {
    const SumResult many = EvaluateSum(*MakeCpuSlicedTransport(shape, threads), x, targets, directions);
    for (int j = 0; j < 2; ++j) EXPECT_EQ(many.values[j].value, one.values[j].value);
    EXPECT_EQ(many.gradient, one.gradient) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(CpuSlicedTransport, BitIdentical,
                         ::testing::Values(Shared{333, 5, 2301, false}, Shared{333, 5, 601, true}, Shared{263, 601, 333, false}),
                         [](const auto& test) {
                           return absl::StrCat(test.param.count, "_points_", test.param.dimension, "_dimensions",
                                               test.param.weighted ? "_weighted" : "");
                         });

TEST(CpuSlicedTransport, EveryInstructionSetOfThisProcessorAgrees) {
  const std::vector<float> directions = RandomDirections(70, 11, 86);
  const Cloud x = Normal(203, 11, 84), y = Normal(203, 11, 85), fewer = Normal(77, 11, 87, true);
  const Result equal = Reference(x, y, directions), merged = Reference(x, fewer, directions);
  const int64_t supported = hwy::SupportedTargets();
  for (int64_t left = supported; left != 0; left &= left - 1) {
    hwy::SetSupportedTargetsForTest(left & -left);
    SCOPED_TRACE(hwy::TargetName(left & -left));
    ExpectSame(Fast(x, y, directions), equal);
    ExpectSame(Fast(x, fewer, directions), merged);
    const SumResult sum = EvaluateSum(*MakeCpuSlicedTransport({203, 203, 11, 70, 2}, 1), x, {{y.View(), 1}, {x.View(), -0.25}}, directions);
    EXPECT_LE(Distance(sum.gradient, equal.gradient), 2e-5 * Norm(equal.gradient));  // x itself adds nothing
    EXPECT_EQ(sum.values[1].value, 0);
    const auto value = MakeCpuSlicedTransport({203, 203, 11, 70}, 1)->Evaluate(x.View(), y.View(), directions, {});
    EXPECT_NEAR(value->value, equal.value.value, 2e-5 * equal.value.value);
  }
  hwy::SetSupportedTargetsForTest(0);  // back to what there is
}

TEST(CpuSlicedTransport, AnEmptyShapeRefusesEverything) {
  const Cloud x = Normal(1, 1, 1);
  EXPECT_EQ(MakeCpuSlicedTransport({}, 1)->Evaluate(x.View(), x.View(), {1.0f}, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sliceflow::kernels
