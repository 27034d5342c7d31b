// The functions that kernels are made of, one by one; sliced_transport_test runs them together.
#include "server/engine/kernels/cuda/per_thread.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/kernels/cuda/fused_block.h"
#include "server/engine/kernels/cuda/memory_plan.h"
#include "server/engine/kernels/cuda/precision.h"
#include "tests/unit/kernels/clouds.h"

namespace sliceflow::kernels::gpu {
namespace {

TEST(FloatKey, OrdersAsNumbersAndComesBack) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> ascending{-infinity, -3e38f, -2, -1e-45f, -0.0f, 0.0f, 1e-45f, 1, 3e38f, infinity};
  for (size_t i = 0; i < ascending.size(); ++i) {
    EXPECT_EQ(FloatOfKey(KeyOfFloat(ascending[i])), ascending[i]);
    EXPECT_LT(KeyOfFloat(ascending[i]), kPaddingKey);
  }
  for (size_t i = 1; i < ascending.size(); ++i) EXPECT_LT(KeyOfFloat(ascending[i - 1]), KeyOfFloat(ascending[i]));
}

TEST(ProjectedKey, TakesCoordinatesApartAndMakesZeroOne) {
  const std::vector<float> points{1, 2, 3, 10, 20, 30};  // (1, 10), (2, 20), (3, 30)
  const std::vector<float> direction{2, 0.5f};
  EXPECT_EQ(FloatOfKey(ProjectedKey(points.data(), 3, 1, direction.data(), 2)), 14.0f);
  // Underflow from below zero is −0 before it is a key.
  const std::vector<float> tiny{1e-30f};
  const std::vector<float> down{-1e-30f};
  EXPECT_EQ(ProjectedKey(tiny.data(), 1, 0, down.data(), 1), KeyOfFloat(0.0f));
}

TEST(FoldSums, IsTheSumOfAll) {
  for (const int threads : {1, 2, 256, 512}) {
    std::vector<double> sums(threads);
    std::iota(sums.begin(), sums.end(), 1.0);
    for (int width = threads / 2; width > 0; width /= 2) {
      for (int thread = 0; thread < threads; ++thread) FoldSums(sums.data(), thread, width);
    }
    EXPECT_EQ(sums[0], threads * (threads + 1) / 2.0);
  }
}

// What makes a parallel scan deterministic: sums of masses are the same numbers in any order.
TEST(RoundedMass, SumsAreExactInAnyOrder) {
  constexpr int64_t kCount = 5000;
  const std::vector<float> weights = PositiveWeights(kCount, 3);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> masses;
  for (const float weight : weights) masses.push_back(RoundedMass(weight, sum));
  const double forwards = std::accumulate(masses.begin(), masses.end(), 0.0),
               backwards = std::accumulate(masses.rbegin(), masses.rend(), 0.0);
  EXPECT_EQ(forwards, backwards);
  std::shuffle(masses.begin(), masses.end(), std::mt19937_64(4));
  EXPECT_EQ(std::accumulate(masses.begin(), masses.end(), 0.0), forwards);
  // Each is off by half a unit at most.
  EXPECT_NEAR(forwards, 1, kCount * kMassUnit / 2);
  EXPECT_EQ(RoundedMass(0, 5), 0);
}

TEST(SortedRow, EqualFractionsOfDifferentCountsAreEqualNumbers) {
  const SortedRow three{nullptr, nullptr, 3}, six{nullptr, nullptr, 6}, nine{nullptr, nullptr, 9};
  EXPECT_EQ(three.End(0), six.End(1));
  EXPECT_EQ(three.End(1), nine.End(5));
  EXPECT_EQ(three.End(2), 1.0);
  EXPECT_EQ(three.Begin(0), 0.0);
  EXPECT_EQ(three.Begin(2), three.End(1));
}

TEST(FirstAbove, PassesRanksWithoutMass) {
  const std::vector<double> cumulative{0, 0.25, 0.25, 0.25, 0.75, 0.999};
  const SortedRow row{nullptr, cumulative.data(), 6};
  EXPECT_EQ(FirstAbove(row, 0), 1);
  EXPECT_EQ(FirstAbove(row, 0.2), 1);
  EXPECT_EQ(FirstAbove(row, 0.25), 4);
  EXPECT_EQ(FirstAbove(row, 0.75), 5);
  // The last has what is left, also where rounding left less.
  EXPECT_EQ(FirstAbove(row, 0.9999), 5);
}

std::vector<uint32_t> Keys(std::vector<float> values) {
  std::vector<uint32_t> keys;
  for (const float value : values) keys.push_back(KeyOfFloat(value));
  return keys;
}

TEST(MergeRank, SplitsMassExactly) {
  // Masses ½, ½ against ⅓, ⅓, ⅓ at 5, 6, 7.
  const std::vector<uint32_t> x_keys = Keys({0, 1}), y_keys = Keys({5, 6, 7});
  const SortedRow x{x_keys.data(), nullptr, 2}, y{y_keys.data(), nullptr, 3};
  const RankShare first = MergeRank(x, y, 0), second = MergeRank(x, y, 1);
  EXPECT_NEAR(first.moved, -5.0 / 3 - 6.0 / 6, 1e-15);
  EXPECT_NEAR(first.cost, 25.0 / 3 + 36.0 / 6, 1e-14);
  EXPECT_NEAR(second.moved, -5.0 / 6 - 6.0 / 3, 1e-15);
}

TEST(MergeRank, ARankWithoutMassMovesNothing) {
  const std::vector<uint32_t> x_keys = Keys({0, 1, 2}), y_keys = Keys({4});
  const std::vector<double> cumulative{0.5, 0.5, 1};
  const SortedRow x{x_keys.data(), cumulative.data(), 3}, y{y_keys.data(), nullptr, 1};
  EXPECT_EQ(MergeRank(x, y, 1).moved, 0);
  EXPECT_EQ(MergeRank(x, y, 1).cost, 0);
  EXPECT_EQ(MergeRank(x, y, 2).moved, -1);
}

TEST(MergeRank, PiecesAreAllOfTheMassOnce) {
  // Against a single point at the origin each rank moves its mass times its projection: projections of 1 sum to the mass.
  const std::vector<float> weights = PositiveWeights(1000, 5);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> cumulative;
  double before = 0;
  for (const float weight : weights) cumulative.push_back(before += RoundedMass(weight, sum));
  const std::vector<uint32_t> x_keys(1000, KeyOfFloat(1)), y_keys(777, KeyOfFloat(0));
  const SortedRow x{x_keys.data(), cumulative.data(), 1000}, y{y_keys.data(), nullptr, 777};
  double moved = 0;
  for (int64_t rank = 0; rank < 1000; ++rank) moved += MergeRank(x, y, rank).moved;
  EXPECT_NEAR(moved, 1, 1e-12);
}

TEST(AddSlice, SlicesTogetherAreTheProductWhateverTheBatches) {
  constexpr int64_t kRows = 53, kPoints = 3;
  constexpr int kDimension = 11;
  const std::vector<float> differences = NormalCloud(kPoints, kRows, 7), directions = NormalCloud(kRows, kDimension, 8);
  const auto gradient = [&](int64_t batch) {
    std::vector<float> sums(kSlices * kPoints * kDimension, 0.0f), result;
    for (int64_t first = 0; first < kRows; first += batch) {
      const int64_t rows = std::min(batch, kRows - first);
      for (int slice = 0; slice < kSlices; ++slice) {
        for (int64_t point = 0; point < kPoints; ++point) {
          for (int column = 0; column < kDimension; ++column) {
            AddSlice<1>(differences.data() + first * kPoints, kPoints, point, directions.data() + first * kDimension, kDimension, rows,
                        slice, column, &sums[(slice * kPoints + point) * kDimension + column]);
          }
        }
      }
    }
    for (int64_t entry = 0; entry < kPoints * kDimension; ++entry) result.push_back(FoldSlices(&sums[entry], kPoints * kDimension));
    return result;
  };
  const std::vector<float> whole = gradient(64);
  EXPECT_EQ(gradient(kBatchUnit), whole);
  EXPECT_EQ(gradient(2 * kBatchUnit), whole);
  double expected = 0;
  for (int64_t row = 0; row < kRows; ++row)
    expected += static_cast<double>(differences[row * kPoints + 1]) * directions[row * kDimension + 4];
  // 53 products of order 1, each rounded by 6e-8.
  EXPECT_NEAR(whole[1 * kDimension + 4], expected, 53 * 6e-8 * 4);
}

TEST(Rounding, IsToTheNearestNumberOfTheFormat) {
  EXPECT_EQ(RoundToTf32(1.0f + 0x1p-11f), 1.0f + 0x1p-10f);  // half, away from zero
  EXPECT_EQ(RoundToTf32(1.0f + 0x1p-12f), 1.0f);
  EXPECT_EQ(RoundToTf32(-1.0f - 0x1p-11f), -1.0f - 0x1p-10f);
  EXPECT_EQ(RoundToBf16(1.0f + 0x1p-8f), 1.0f);                // half, to even
  EXPECT_EQ(RoundToBf16(1.0f + 3 * 0x1p-8f), 1.0f + 0x1p-6f);  // half, to even
  EXPECT_EQ(RoundToBf16(1.0f + 5 * 0x1p-9f), 1.0f + 0x1p-7f);
  for (const float value : NormalCloud(1000, 1, 9)) {
    EXPECT_LE(std::abs(RoundToTf32(value) - value), std::abs(value) * 0x1p-11f);
    EXPECT_LE(std::abs(RoundToBf16(value) - value), std::abs(value) * 0x1p-8f);
  }
}

TEST(WithBlockFor, TakesTheLeastThatFits) {
  const auto places = [](int count) { return WithBlockFor(count, []<class Size>(Size) { return Size::kPlaces; }); };
  EXPECT_EQ(places(1), 1024);
  EXPECT_EQ(places(1024), 1024);
  EXPECT_EQ(places(1025), 4096);
  EXPECT_EQ(places(4097), 8192);
  EXPECT_EQ(places(kMostFused), 8192);
}

TEST(MemoryPlan, RowsAreWholeUnitsWithinTheMemory) {
  const PluginShape shape{100'000, 100'000, 1000, 2};
  constexpr int64_t kGiB = int64_t{1} << 30;
  for (const int64_t free : {int64_t{0}, kGiB / 8, kGiB, 8 * kGiB, 80 * kGiB}) {
    const int64_t rows = PlanRows(shape, free);
    EXPECT_EQ(rows % kBatchUnit, 0) << free;
    EXPECT_GE(rows, kBatchUnit);
    EXPECT_TRUE(rows == kBatchUnit || rows * RowBytes(shape) <= free / 4) << free;
    EXPECT_LE(rows * (shape.max_x + shape.max_y), kMostItems);
  }
  EXPECT_EQ(PlanRows({1000, 1000, 37, 2}, 80 * kGiB), 48);  // the directions there are, in whole units
  EXPECT_EQ(PlanRows({1, 1, 1'000'000, 2}, 80 * kGiB), kMostRows);
  EXPECT_EQ(HalvedRows(48), 16);
  EXPECT_EQ(HalvedRows(kBatchUnit), kBatchUnit);
  EXPECT_TRUE(IsSortable({60'000'000, 60'000'000, 1, 1}));
  EXPECT_FALSE(IsSortable({70'000'000, 70'000'000, 1, 1}));
}

}  // namespace
}  // namespace sliceflow::kernels::gpu
