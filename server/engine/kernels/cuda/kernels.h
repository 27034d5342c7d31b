// What runs on a GPU, as calls that put it into a stream and return. All pointers are of device memory. Errors are those of the launch;
// what goes wrong later is told by whoever waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "server/engine/kernels/cuda/fused_block.h"
#include "server/engine/kernels/cuda/precision.h"
#include "server/engine/kernels/host_device.h"

namespace sliceflow::kernels::gpu {

// rows × columns by row to the same by column.
cudaError_t Transpose(const float* from, int64_t rows, int64_t columns, float* to, cudaStream_t stream);

// Project, sort, match and scatter of `rows` directions, a block each.
cudaError_t Fused(const FusedTask& task, int64_t rows, cudaStream_t stream);

// A batch of directions whose projections go through memory. Rows of x come before those of y in keys, indices and cumulative masses.
struct BatchTask {
  const float* x = nullptr;  // by coordinate
  const float* y = nullptr;
  const float* directions = nullptr;
  const double* x_masses = nullptr;  // null: all the same
  const double* y_masses = nullptr;
  int64_t x_count = 0;
  int64_t y_count = 0;
  int64_t rows = 0;
  int dimension = 0;
  uint32_t* keys[2] = {};        // rows · (x_count + y_count) each, as the next
  uint32_t* indices[2] = {};     //
  double* cumulative = nullptr;  //
  int64_t* offsets = nullptr;    // 2 · rows + 1
  double* costs = nullptr;       // rows · CostsOfRow(x_count)
  void* sort_room = nullptr;
  size_t sort_bytes = 0;
  float* differences = nullptr;  // rows × x_count; null: not asked for
  double* values = nullptr;      // rows

  int64_t items() const { return rows * (x_count + y_count); }
  SLICEFLOW_HOST_DEVICE bool merged() const { return x_count != y_count || x_masses != nullptr || y_masses != nullptr; }
};

int64_t CostsOfRow(int64_t x_count);

// What the sort of so many projections in so many rows wants in sort_room. 0 where that cannot be told, with the error.
cudaError_t SortBytes(int64_t items, int64_t rows, size_t* bytes);

// Project, sort, cumulate where something weighs, match or merge, and scatter.
cudaError_t Batch(const BatchTask& task, cudaStream_t stream);

// Adds differencesᵀ · directions of `rows` directions to `sums`: kSlices times count × dimension, by row.
cudaError_t AddGradient(Precision precision, const float* differences, int64_t count, const float* directions, int dimension, int64_t rows,
                        float* sums, cudaStream_t stream);

// gradient = scale · the sum of the slices.
cudaError_t FoldGradient(const float* sums, int64_t entries, float scale, float* gradient, cudaStream_t stream);

}  // namespace sliceflow::kernels::gpu
