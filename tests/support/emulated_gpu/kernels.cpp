// The kernels with every thread in turn, part by part between their meetings: the functions that the real ones are made of, and the standard
// library's sort for CUB's.
#include "server/engine/kernels/cuda/kernels.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "server/engine/kernels/cuda/per_thread.h"
#include "tests/support/emulated_gpu/emulation.h"

namespace sliceflow::kernels::gpu {
namespace {

using emulated::Do;

constexpr int kThreads = 256;  // of a block that goes by batches

double Fold(std::vector<double> sums) {
  const int threads = static_cast<int>(sums.size());
  for (int width = threads / 2; width > 0; width /= 2) {
    for (int thread = 0; thread < threads; ++thread) FoldSums(sums.data(), thread, width);
  }
  return sums[0];
}

// CUB's radix sort is stable, too.
void SortPairs(uint32_t* keys, uint32_t* indices, int64_t count) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return keys[a] < keys[b]; });
  const std::vector<uint32_t> old_keys(keys, keys + count), old_indices(indices, indices + count);
  for (int64_t i = 0; i < count; ++i) {
    keys[i] = old_keys[order[i]];
    indices[i] = old_indices[order[i]];
  }
}

template <int kThreadsOfBlock, int kItems>
void FusedBlock(const FusedTask& task, int64_t row) {
  constexpr int kPlaces = kThreadsOfBlock * kItems;
  const float* const direction = task.directions + row * task.dimension;
  std::vector<uint32_t> x_keys(kPlaces), x_points(kPlaces), y_keys(kPlaces);
  std::iota(x_points.begin(), x_points.end(), 0);
  for (int thread = 0; thread < kThreadsOfBlock; ++thread) {
    ProjectPlaces(task, task.x, direction, thread, kThreadsOfBlock, kPlaces, x_keys.data());
    ProjectPlaces(task, task.y, direction, thread, kThreadsOfBlock, kPlaces, y_keys.data());
  }
  SortPairs(x_keys.data(), x_points.data(), kPlaces);
  std::sort(y_keys.begin(), y_keys.end());
  std::vector<float> differences(kPlaces);
  std::vector<double> sums(kThreadsOfBlock);
  for (int thread = 0; thread < kThreadsOfBlock; ++thread) {
    uint32_t x[kItems], points[kItems], y[kItems];
    const int first = thread * kItems;
    std::copy_n(x_keys.begin() + first, kItems, x);
    std::copy_n(x_points.begin() + first, kItems, points);
    std::copy_n(y_keys.begin() + first, kItems, y);
    sums[thread] = MatchPlaces<kItems>(x, points, y, first, task.count, task.differences == nullptr ? nullptr : differences.data());
  }
  if (task.differences != nullptr) std::copy_n(differences.begin(), task.count, task.differences + row * task.count);
  task.values[row] = Fold(std::move(sums)) / task.count;
}

void Project(const BatchTask& task, const float* points, int64_t count, int64_t row, int64_t begin) {
  for (int64_t point = 0; point < count; ++point) {
    task.keys[0][begin + point] = ProjectedKey(points, count, point, task.directions + row * task.dimension, task.dimension);
    task.indices[0][begin + point] = static_cast<uint32_t>(point);
  }
}

void Cumulate(const uint32_t* indices, const double* masses, int64_t count, double* cumulative) {
  double sum = 0;
  for (int64_t rank = 0; rank < count; ++rank) cumulative[rank] = sum += masses[indices[rank]];
}

void BatchRow(const BatchTask& task, int64_t row) {
  const int64_t x_begin = row * task.x_count, y_begin = task.rows * task.x_count + row * task.y_count;
  Project(task, task.x, task.x_count, row, x_begin);
  Project(task, task.y, task.y_count, row, y_begin);
  SortPairs(task.keys[0] + x_begin, task.indices[0] + x_begin, task.x_count);
  SortPairs(task.keys[0] + y_begin, task.indices[0] + y_begin, task.y_count);
  if (task.x_masses != nullptr) Cumulate(task.indices[0] + x_begin, task.x_masses, task.x_count, task.cumulative + x_begin);
  if (task.y_masses != nullptr) Cumulate(task.indices[0] + y_begin, task.y_masses, task.y_count, task.cumulative + y_begin);
  const SortedRow x{task.keys[0] + x_begin, task.x_masses == nullptr ? nullptr : task.cumulative + x_begin, task.x_count};
  const SortedRow y{task.keys[0] + y_begin, task.y_masses == nullptr ? nullptr : task.cumulative + y_begin, task.y_count};
  const int64_t blocks = CostsOfRow(task.x_count);
  double* const costs = task.costs + row * blocks;
  for (int64_t block = 0; block < blocks; ++block) {
    std::vector<double> sums(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      const int64_t rank = block * kThreads + thread;
      if (rank >= task.x_count) continue;
      const RankShare share = task.merged() ? MergeRank(x, y, rank) : MatchRank(x.keys[rank], y.keys[rank]);
      if (task.differences != nullptr) task.differences[x_begin + task.indices[0][x_begin + rank]] = static_cast<float>(share.moved);
      sums[thread] = share.cost;
    }
    costs[block] = Fold(std::move(sums));
  }
  const double sum = std::accumulate(costs, costs + blocks, 0.0);
  task.values[row] = task.merged() ? sum : sum / static_cast<double>(task.x_count);
}

float Factor(Precision precision, float value) {
  switch (precision) {
    case Precision::kTf32:
      return RoundToTf32(value);
    case Precision::kBf16:
      return RoundToBf16(value);
    case Precision::kFp32:
      break;
  }
  return value;
}

}  // namespace

cudaError_t Transpose(const float* from, int64_t rows, int64_t columns, float* to, cudaStream_t stream) {
  Do(stream, [=] {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < columns; ++column) to[column * rows + row] = from[row * columns + column];
    }
  });
  return cudaSuccess;
}

cudaError_t Fused(const FusedTask& task, int64_t rows, cudaStream_t stream) {
  Do(stream, [=] {
    for (int64_t row = 0; row < rows; ++row) {
      WithBlockFor(task.count, [&]<class Size>(Size) { FusedBlock<Size::kThreads, Size::kItems>(task, row); });
    }
  });
  return cudaSuccess;
}

int64_t CostsOfRow(int64_t x_count) { return (x_count + kThreads - 1) / kThreads; }

cudaError_t SortBytes(int64_t /*items*/, int64_t /*rows*/, size_t* bytes) {
  *bytes = 1;
  return cudaSuccess;
}

cudaError_t Batch(const BatchTask& task, cudaStream_t stream) {
  Do(stream, [=] {
    for (int64_t row = 0; row < task.rows; ++row) BatchRow(task, row);
  });
  return cudaSuccess;
}

cudaError_t AddGradient(Precision precision, const float* differences, int64_t count, const float* directions, int dimension, int64_t rows,
                        float* sums, cudaStream_t stream) {
  Do(stream, [=] {
    constexpr int kColumns = 8;
    std::vector<float> left(differences, differences + rows * count), right(directions, directions + rows * dimension);
    for (float& value : left) value = Factor(precision, value);
    for (float& value : right) value = Factor(precision, value);
    for (int slice = 0; slice < kSlices; ++slice) {
      for (int64_t point = 0; point < count; ++point) {
        for (int first = 0; first < dimension; first += kColumns) {
          float held[kColumns] = {};
          float* const to = sums + (slice * count + point) * dimension + first;
          const int columns = std::min(kColumns, dimension - first);
          std::copy_n(to, columns, held);
          AddSlice<kColumns>(left.data(), count, point, right.data(), dimension, rows, slice, first, held);
          std::copy_n(held, columns, to);
        }
      }
    }
  });
  return cudaSuccess;
}

cudaError_t FoldGradient(const float* sums, int64_t entries, float scale, float* gradient, cudaStream_t stream) {
  Do(stream, [=] {
    for (int64_t entry = 0; entry < entries; ++entry) gradient[entry] = scale * FoldSlices(sums + entry, entries);
  });
  return cudaSuccess;
}

}  // namespace sliceflow::kernels::gpu
