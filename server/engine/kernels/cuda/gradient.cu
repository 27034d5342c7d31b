// The gradient as a product of matrices: differences, one row a direction, transposed, times the directions.
#include <cuda_bf16.h>
#include <mma.h>

#include "server/engine/kernels/cuda/kernels.h"
#include "server/engine/kernels/cuda/launch.h"

namespace sliceflow::kernels::gpu {
namespace {

namespace wmma = nvcuda::wmma;

constexpr int kPoints = 64;  // of a block, each with a thread for every slice
constexpr int kColumns = 8;  // of the gradient, for one thread
constexpr int kTile = 16;    // points, columns and directions of a tile of the tensor cores
constexpr int kWarps = 4;    // of a block, each with a tile of its own
constexpr int kWarp = 32;
static_assert(kBatchUnit % kTile == 0, "a tile of directions lies in one batch");

__global__ void __launch_bounds__(kPoints* kSlices)
    GradientKernel(const float* differences, int64_t count, const float* directions, int dimension, int64_t rows, float* sums) {
  const int64_t point = static_cast<int64_t>(blockIdx.x) * kPoints + threadIdx.x;
  const int slice = static_cast<int>(threadIdx.y);
  const int first = static_cast<int>(blockIdx.y) * kColumns;
  if (point >= count) return;
  float* const to = sums + (slice * count + point) * dimension + first;
  float held[kColumns];
  for (int k = 0; k < kColumns; ++k) held[k] = first + k < dimension ? to[k] : 0.0f;
  AddSlice<kColumns>(differences, count, point, directions, dimension, rows, slice, first, held);
  for (int k = 0; k < kColumns; ++k) {
    if (first + k < dimension) to[k] = held[k];
  }
}

struct Tf32 {
  using Stored = float;
  using Fragment = wmma::precision::tf32;
  static constexpr int kDepth = 8;
  static __device__ Stored Of(float value) { return RoundToTf32(value); }
};

struct Bf16 {
  using Stored = __nv_bfloat16;
  using Fragment = __nv_bfloat16;
  static constexpr int kDepth = 16;
  static __device__ Stored Of(float value) { return __ushort_as_bfloat16(Bf16Bits(value)); }
};

// A warp makes a tile of 16 points by 16 columns. Its sums are the first slice; the others stay zero.
template <class Format>
__global__ void __launch_bounds__(kWarps* kWarp)
    TensorGradientKernel(const float* differences, int64_t count, const float* directions, int dimension, int64_t rows, float* sums) {
  __shared__ __align__(32) typename Format::Stored left[kWarps][kTile * kTile];
  __shared__ __align__(32) typename Format::Stored right[kWarps][kTile * kTile];
  __shared__ __align__(32) float tile[kWarps][kTile * kTile];
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t first_point = (static_cast<int64_t>(blockIdx.x) * kWarps + warp) * kTile;
  const int first_column = static_cast<int>(blockIdx.y) * kTile;
  if (first_point >= count) return;

  for (int entry = lane; entry < kTile * kTile; entry += kWarp) {
    const int64_t point = first_point + entry / kTile;
    const int column = first_column + entry % kTile;
    tile[warp][entry] = point < count && column < dimension ? sums[point * dimension + column] : 0.0f;
  }
  __syncwarp();
  wmma::fragment<wmma::accumulator, kTile, kTile, Format::kDepth, float> sum;
  wmma::load_matrix_sync(sum, tile[warp], kTile, wmma::mem_row_major);
  for (int64_t row = 0; row < rows; row += kTile) {
    __syncwarp();
    for (int entry = lane; entry < kTile * kTile; entry += kWarp) {
      const int64_t of_row = row + entry / kTile;
      const int64_t point = first_point + entry % kTile;
      const int column = first_column + entry % kTile;
      left[warp][entry] = Format::Of(of_row < rows && point < count ? differences[of_row * count + point] : 0.0f);
      right[warp][entry] = Format::Of(of_row < rows && column < dimension ? directions[of_row * dimension + column] : 0.0f);
    }
    __syncwarp();
    for (int depth = 0; depth < kTile; depth += Format::kDepth) {
      wmma::fragment<wmma::matrix_a, kTile, kTile, Format::kDepth, typename Format::Fragment, wmma::col_major> a;
      wmma::fragment<wmma::matrix_b, kTile, kTile, Format::kDepth, typename Format::Fragment, wmma::row_major> b;
      wmma::load_matrix_sync(a, left[warp] + depth * kTile, kTile);
      wmma::load_matrix_sync(b, right[warp] + depth * kTile, kTile);
      wmma::mma_sync(sum, a, b, sum);
    }
  }
  wmma::store_matrix_sync(tile[warp], sum, kTile, wmma::mem_row_major);
  __syncwarp();
  for (int entry = lane; entry < kTile * kTile; entry += kWarp) {
    const int64_t point = first_point + entry / kTile;
    const int column = first_column + entry % kTile;
    if (point < count && column < dimension) sums[point * dimension + column] = tile[warp][entry];
  }
}

__global__ void FoldKernel(const float* sums, int64_t entries, float scale, float* gradient) {
  const int64_t entry = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (entry < entries) gradient[entry] = scale * FoldSlices(sums + entry, entries);
}

unsigned Pieces(int64_t whole, int64_t piece) { return static_cast<unsigned>((whole + piece - 1) / piece); }

}  // namespace

cudaError_t AddGradient(Precision precision, const float* differences, int64_t count, const float* directions, int dimension, int64_t rows,
                        float* sums, cudaStream_t stream) {
  const dim3 tiles(Pieces(count, kTile * kWarps), Pieces(dimension, kTile));
  switch (precision) {
    case Precision::kTf32:
      return Launch(TensorGradientKernel<Tf32>, tiles, kWarps * kWarp, stream, differences, count, directions, dimension, rows, sums);
    case Precision::kBf16:
      return Launch(TensorGradientKernel<Bf16>, tiles, kWarps * kWarp, stream, differences, count, directions, dimension, rows, sums);
    case Precision::kFp32:
      break;
  }
  return Launch(GradientKernel, dim3(Pieces(count, kPoints), Pieces(dimension, kColumns)), dim3(kPoints, kSlices), stream, differences,
                count, directions, dimension, rows, sums);
}

cudaError_t FoldGradient(const float* sums, int64_t entries, float scale, float* gradient, cudaStream_t stream) {
  constexpr int kThreads = 256;
  return Launch(FoldKernel, Pieces(entries, kThreads), kThreads, stream, sums, entries, scale, gradient);
}

}  // namespace sliceflow::kernels::gpu
