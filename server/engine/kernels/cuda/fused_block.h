// The parts between two meetings of a block that does one direction whole, by thread. tests/unit/kernels runs them for every thread of a block
// in turn; fused.cu adds the sorts and the meetings.
#pragma once

#include <cstdint>

#include "server/engine/kernels/cuda/per_thread.h"
#include "server/engine/kernels/host_device.h"

namespace sliceflow::kernels::gpu {

// More points than this go by batches of directions through memory.
inline constexpr int kMostFused = 8192;

// Two clouds of the same count, all points weighing the same, and what becomes of them: a row for each direction. Unowned.
struct FusedTask {
  const float* x = nullptr;  // by coordinate
  const float* y = nullptr;
  const float* directions = nullptr;  // rows × dimension
  int count = 0;                      // 1 … kMostFused
  int dimension = 0;
  float* differences = nullptr;  // rows × count: of each point of x from where it goes; null: not asked for
  double* values = nullptr;      // rows: W2²
};

// Threads of a block and what each holds of a cloud in registers.
template <int kThreadsOfBlock, int kItemsOfThread>
struct BlockSize {
  static constexpr int kThreads = kThreadsOfBlock;
  static constexpr int kItems = kItemsOfThread;
  static constexpr int kPlaces = kThreads * kItems;
};

// Calls `visit` with the least block that a cloud fits into: each size is a kernel that has to be compiled.
template <class Visit>
auto WithBlockFor(int count, const Visit& visit) {
  if (count <= BlockSize<256, 4>::kPlaces) return visit(BlockSize<256, 4>());
  if (count <= BlockSize<512, 8>::kPlaces) return visit(BlockSize<512, 8>());
  static_assert(BlockSize<512, 16>::kPlaces == kMostFused, "the largest block takes the largest cloud");
  return visit(BlockSize<512, 16>());
}

// Keys of all places of the block; those without a point sort last. Neighbouring threads take neighbouring points.
SLICEFLOW_HOST_DEVICE inline void ProjectPlaces(const FusedTask& task, const float* points, const float* direction, int thread, int threads,
                                                int places, uint32_t* keys) {
  for (int place = thread; place < places; place += threads) {
    keys[place] = place < task.count ? ProjectedKey(points, task.count, place, direction, task.dimension) : kPaddingKey;
  }
}

// Ranks first … first + kItems of both sorted clouds: the cost of the points among them, and where `differences` is not null the difference of
// each at its point's index.
template <int kItems>
SLICEFLOW_HOST_DEVICE inline double MatchPlaces(const uint32_t (&x_keys)[kItems], const uint32_t (&x_points)[kItems],
                                                const uint32_t (&y_keys)[kItems], int first, int count, float* differences) {
  double cost = 0;
  for (int item = 0; item < kItems; ++item) {
    if (first + item >= count) continue;
    const RankShare share = MatchRank(x_keys[item], y_keys[item]);
    cost += share.cost;
    if (differences != nullptr) differences[x_points[item]] = static_cast<float>(share.moved);
  }
  return cost;
}

}  // namespace sliceflow::kernels::gpu
