// Directions in batches, their projections in memory: for clouds too large for one block, of unequal counts, or weighted.
#include <cub/block/block_scan.cuh>
#include <cub/device/device_segmented_radix_sort.cuh>

#include "server/engine/kernels/cuda/kernels.h"
#include "server/engine/kernels/cuda/launch.h"

namespace sliceflow::kernels::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kScanItems = 4;

int64_t Blocks(int64_t items) { return (items + kThreads - 1) / kThreads; }

dim3 Grid(int64_t items, int64_t rows) { return {static_cast<unsigned>(Blocks(items)), static_cast<unsigned>(rows)}; }

__global__ void __launch_bounds__(kThreads) TransposeKernel(const float* from, int64_t rows, int64_t columns, float* to) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (row >= rows) return;
  for (int64_t column = blockIdx.y; column < columns; column += gridDim.y) to[column * rows + row] = from[row * columns + column];
}

__global__ void __launch_bounds__(kThreads) OffsetsKernel(const BatchTask task) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (row > 2 * task.rows) return;
  task.offsets[row] = row <= task.rows ? row * task.x_count : task.rows * task.x_count + (row - task.rows) * task.y_count;
}

__global__ void __launch_bounds__(kThreads) ProjectKernel(const BatchTask task) {
  const int64_t item = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t row = blockIdx.y;
  if (item >= task.x_count + task.y_count) return;
  const float* const direction = task.directions + row * task.dimension;
  const bool of_x = item < task.x_count;
  const int64_t point = of_x ? item : item - task.x_count;
  const int64_t place = of_x ? row * task.x_count + point : task.rows * task.x_count + row * task.y_count + point;
  task.keys[0][place] = of_x ? ProjectedKey(task.x, task.x_count, point, direction, task.dimension)
                             : ProjectedKey(task.y, task.y_count, point, direction, task.dimension);
  task.indices[0][place] = static_cast<uint32_t>(point);
}

// A block a row: the masses of a sorted sample, cumulated. Sums of masses are exact, so the scan's order does not show.
__global__ void __launch_bounds__(kThreads)
    CumulateKernel(const uint32_t* indices, const double* masses, int64_t count, double* cumulative) {
  using Scan = cub::BlockScan<double, kThreads>;
  __shared__ typename Scan::TempStorage room;
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * count;
  double before = 0;
  for (int64_t tile = 0; tile < count; tile += kThreads * kScanItems) {
    double items[kScanItems];
    for (int item = 0; item < kScanItems; ++item) {
      const int64_t rank = tile + threadIdx.x * kScanItems + item;
      items[item] = rank < count ? masses[indices[begin + rank]] : 0.0;
    }
    double sum = 0;
    Scan(room).InclusiveSum(items, items, sum);
    for (int item = 0; item < kScanItems; ++item) {
      const int64_t rank = tile + threadIdx.x * kScanItems + item;
      if (rank < count) cumulative[begin + rank] = before + items[item];
    }
    before += sum;
    __syncthreads();
  }
}

// Which of the two buffers the sorted projections are in.
struct Sorted {
  const uint32_t* keys;
  const uint32_t* indices;
};

__global__ void __launch_bounds__(kThreads) MatchKernel(const BatchTask task, const Sorted sorted) {
  __shared__ double sums[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t rank = static_cast<int64_t>(blockIdx.x) * kThreads + thread;
  const int64_t row = blockIdx.y;
  const int64_t x_begin = row * task.x_count;
  const int64_t y_begin = task.rows * task.x_count + row * task.y_count;
  RankShare share;
  if (rank < task.x_count) {
    if (task.merged()) {
      const SortedRow x{sorted.keys + x_begin, task.x_masses == nullptr ? nullptr : task.cumulative + x_begin, task.x_count};
      const SortedRow y{sorted.keys + y_begin, task.y_masses == nullptr ? nullptr : task.cumulative + y_begin, task.y_count};
      share = MergeRank(x, y, rank);
    } else {
      share = MatchRank(sorted.keys[x_begin + rank], sorted.keys[y_begin + rank]);
    }
    if (task.differences != nullptr) task.differences[x_begin + sorted.indices[x_begin + rank]] = static_cast<float>(share.moved);
  }
  sums[thread] = share.cost;
  __syncthreads();
  for (int width = kThreads / 2; width > 0; width /= 2) {
    FoldSums(sums, thread, width);
    __syncthreads();
  }
  if (thread == 0) task.costs[row * gridDim.x + blockIdx.x] = sums[0];
}

__global__ void __launch_bounds__(kThreads) ValuesKernel(const BatchTask task, int64_t costs) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (row >= task.rows) return;
  double sum = 0;
  for (int64_t cost = 0; cost < costs; ++cost) sum += task.costs[row * costs + cost];
  // The merge has the masses in its costs.
  task.values[row] = task.merged() ? sum : sum / static_cast<double>(task.x_count);
}

cudaError_t Sort(const BatchTask& task, Sorted& sorted, cudaStream_t stream) {
  const int64_t* const offsets = task.offsets;
  cub::DoubleBuffer<uint32_t> keys(task.keys[0], task.keys[1]), indices(task.indices[0], task.indices[1]);
  size_t bytes = task.sort_bytes;
  const cudaError_t error = cub::DeviceSegmentedRadixSort::SortPairs(task.sort_room, bytes, keys, indices, task.items(), 2 * task.rows,
                                                                     offsets, offsets + 1, 0, 32, stream);
  sorted = {keys.Current(), indices.Current()};
  return error;
}

}  // namespace

int64_t CostsOfRow(int64_t x_count) { return Blocks(x_count); }

cudaError_t SortBytes(int64_t items, int64_t rows, size_t* bytes) {
  *bytes = 0;
  cub::DoubleBuffer<uint32_t> none;
  const int64_t* const offsets = nullptr;
  return cub::DeviceSegmentedRadixSort::SortPairs(nullptr, *bytes, none, none, items, 2 * rows, offsets, offsets, 0, 32);
}

cudaError_t Transpose(const float* from, int64_t rows, int64_t columns, float* to, cudaStream_t stream) {
  constexpr int64_t kMostColumns = 1024;
  return Launch(TransposeKernel, Grid(rows, columns < kMostColumns ? columns : kMostColumns), kThreads, stream, from, rows, columns, to);
}

cudaError_t Batch(const BatchTask& task, cudaStream_t stream) {
  const auto rows = static_cast<unsigned>(task.rows);
  const int64_t y_begin = task.rows * task.x_count, costs = CostsOfRow(task.x_count);
  cudaError_t error = Launch(OffsetsKernel, Grid(2 * task.rows + 1, 1), kThreads, stream, task);
  if (error == cudaSuccess) error = Launch(ProjectKernel, Grid(task.x_count + task.y_count, task.rows), kThreads, stream, task);
  Sorted sorted{};
  if (error == cudaSuccess) error = Sort(task, sorted, stream);
  if (error == cudaSuccess && task.x_masses != nullptr) {
    error = Launch(CumulateKernel, rows, kThreads, stream, sorted.indices, task.x_masses, task.x_count, task.cumulative);
  }
  if (error == cudaSuccess && task.y_masses != nullptr) {
    error =
        Launch(CumulateKernel, rows, kThreads, stream, sorted.indices + y_begin, task.y_masses, task.y_count, task.cumulative + y_begin);
  }
  if (error == cudaSuccess) error = Launch(MatchKernel, Grid(task.x_count, task.rows), kThreads, stream, task, sorted);
  if (error == cudaSuccess) error = Launch(ValuesKernel, Grid(task.rows, 1), kThreads, stream, task, costs);
  return error;
}

}  // namespace sliceflow::kernels::gpu
