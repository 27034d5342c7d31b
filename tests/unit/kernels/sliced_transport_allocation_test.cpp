// A program of its own, because it replaces operator new to count.
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/kernels/sliced_transport.h"
#include "tests/unit/kernels/clouds.h"

namespace {

std::atomic<int64_t> allocations{0};

void* Count(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return Count(size); }
void* operator new[](std::size_t size) { return Count(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace sliceflow::kernels {
namespace {

TEST(SlicedTransportAllocation, EvaluateAllocatesNothing) {
  constexpr int64_t kX = 300, kY = 200;
  constexpr int kDimension = 3;
  constexpr int64_t kDirections = 400;  // enough for the threads to share
  const std::vector<float> x = NormalCloud(kX, kDimension, 1), y = NormalCloud(kX, kDimension, 2);
  const std::vector<float> weights = PositiveWeights(kX, 3);
  const std::vector<float> directions = RandomDirections(kDirections, kDimension, 4);
  std::vector<float> gradient(x.size());
  const PointCloud cloud_x{x, kX};
  const PointCloud fewer{absl::MakeConstSpan(y).first(kY * kDimension), kY};
  for (const int threads : {1, 2}) {
    const auto transport = MakeCpuSlicedTransport({kX, kX, kDimension, kDirections}, threads);
    const int64_t before = allocations;
    bool ok = transport->Evaluate(cloud_x, {y, kX}, directions, absl::MakeSpan(gradient)).ok();
    ok &= transport->Evaluate(cloud_x, {y, kX}, directions, {}).ok();
    ok &= transport->Evaluate(cloud_x, fewer, directions, absl::MakeSpan(gradient)).ok();
    ok &= transport->Evaluate({x, kX, weights}, fewer, directions, absl::MakeSpan(gradient)).ok();
    const int64_t after = allocations;
    EXPECT_TRUE(ok);
    EXPECT_EQ(after - before, 0) << threads << " threads";
  }
}

TEST(SlicedTransportAllocation, EvaluateSumAllocatesNothing) {
  constexpr int64_t kX = 300, kY = 200, kDirections = 400;
  constexpr int kDimension = 3;
  const std::vector<float> x = NormalCloud(kX, kDimension, 1), y = NormalCloud(kX, kDimension, 2), z = NormalCloud(kX, kDimension, 5);
  const std::vector<float> directions = RandomDirections(kDirections, kDimension, 4);
  std::vector<float> gradient(x.size());
  SlicedValue values[2];
  const SlicedTarget equal[] = {{{y, kX}, 1}, {{z, kX}, -0.25}};
  const SlicedTarget unequal[] = {{{y, kX}, 1}, {{absl::MakeConstSpan(z).first(kY * kDimension), kY}, -0.25}};
  for (const int threads : {1, 2}) {
    const auto transport = MakeCpuSlicedTransport({kX, kX, kDimension, kDirections, /*max_targets=*/2}, threads);
    const int64_t before = allocations;
    bool ok = transport->EvaluateSum({x, kX}, equal, directions, absl::MakeSpan(gradient), absl::MakeSpan(values)).ok();
    ok &= transport->EvaluateSum({x, kX}, unequal, directions, absl::MakeSpan(gradient), absl::MakeSpan(values)).ok();
    ok &= transport->EvaluateSum({x, kX}, equal, directions, {}, absl::MakeSpan(values)).ok();
    const int64_t after = allocations;
    EXPECT_TRUE(ok);
    EXPECT_EQ(after - before, 0) << threads << " threads";
  }
}

TEST(SlicedTransportAllocation, TheCounterCounts) {
  const int64_t before = allocations;
  auto memory = std::make_unique<std::vector<int>>(100);
  EXPECT_GE(allocations - before, 2) << memory->size();
}

}  // namespace
}  // namespace sliceflow::kernels
