// One block a direction: everything between the points and the row of differences stays in registers and shared memory.
#include <cub/block/block_radix_sort.cuh>

#include "server/engine/kernels/cuda/kernels.h"
#include "server/engine/kernels/cuda/launch.h"

namespace sliceflow::kernels::gpu {
namespace {

template <int kThreads, int kItems>
__global__ void __launch_bounds__(kThreads) FusedKernel(const FusedTask task) {
  constexpr int kPlaces = kThreads * kItems;
  using SortPairs = cub::BlockRadixSort<uint32_t, kThreads, kItems, uint32_t>;
  using SortKeys = cub::BlockRadixSort<uint32_t, kThreads, kItems>;
  __shared__ union {
    typename SortPairs::TempStorage pairs;
    typename SortKeys::TempStorage keys;
    uint32_t places[kPlaces];
    float differences[kPlaces];
    double sums[kThreads];
  } room;
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t row = blockIdx.x;
  const int first = thread * kItems;
  const float* const direction = task.directions + row * task.dimension;

  uint32_t x_keys[kItems], x_points[kItems], y_keys[kItems];
  ProjectPlaces(task, task.x, direction, thread, kThreads, kPlaces, room.places);
  __syncthreads();
  for (int item = 0; item < kItems; ++item) {
    x_keys[item] = room.places[first + item];
    x_points[item] = static_cast<uint32_t>(first + item);
  }
  __syncthreads();
  // Stable: ties stay in the order of the points.
  SortPairs(room.pairs).Sort(x_keys, x_points);
  __syncthreads();
  ProjectPlaces(task, task.y, direction, thread, kThreads, kPlaces, room.places);
  __syncthreads();
  for (int item = 0; item < kItems; ++item) y_keys[item] = room.places[first + item];
  __syncthreads();
  SortKeys(room.keys).Sort(y_keys);
  __syncthreads();

  const double cost =
      MatchPlaces<kItems>(x_keys, x_points, y_keys, first, task.count, task.differences == nullptr ? nullptr : room.differences);
  __syncthreads();
  if (task.differences != nullptr) {
    float* const to = task.differences + row * task.count;
    for (int point = thread; point < task.count; point += kThreads) to[point] = room.differences[point];
    __syncthreads();
  }
  room.sums[thread] = cost;
  __syncthreads();
  for (int width = kThreads / 2; width > 0; width /= 2) {
    FoldSums(room.sums, thread, width);
    __syncthreads();
  }
  if (thread == 0) task.values[row] = room.sums[0] / task.count;
}

}  // namespace

cudaError_t Fused(const FusedTask& task, int64_t rows, cudaStream_t stream) {
  return WithBlockFor(task.count, [&]<class Size>(Size) {
    return Launch(FusedKernel<Size::kThreads, Size::kItems>, static_cast<unsigned>(rows), Size::kThreads, stream, task);
  });
}

}  // namespace sliceflow::kernels::gpu
