// What one thread of a kernel does, as functions that the processor's compiler compiles too: tests/unit/kernels runs them in loops that stand
// for blocks, against the reference. Kernels add where data lies and when threads meet.
//
// Clouds lie by coordinate here: coordinate k of point i at points[k * count + i]. Every sum has one order, which neither the number of threads
// nor the memory that was free decides, so that the same input gives the same bits.
#pragma once

#include <cmath>
#include <cstdint>

#include "server/engine/kernels/float_key.h"
#include "server/engine/kernels/host_device.h"

namespace sliceflow::kernels::gpu {

// Sorts behind every projection.
inline constexpr uint32_t kPaddingKey = 0xFFFFFFFFu;

// The key of ⟨direction, point⟩. The sum runs in order of the coordinates, one rounding each. −0, which comes of underflow alone, counts as
// 0, so that it ties with it.
SLICEFLOW_HOST_DEVICE inline uint32_t ProjectedKey(const float* points, int64_t count, int64_t point, const float* direction,
                                                   int dimension) {
  float sum = 0;
  for (int k = 0; k < dimension; ++k) sum = fmaf(points[k * count + point], direction[k], sum);
  return KeyOfFloat(sum == 0 ? 0.0f : sum);
}

// One step of a sum over a block: called by every thread for width = threads/2, threads/4, …, 1 with a meeting after each, it leaves the sum
// of all in sums[0]. The number of threads is a power of two.
SLICEFLOW_HOST_DEVICE inline void FoldSums(double* sums, int thread, int width) {
  if (thread < width) sums[thread] += sums[thread + width];
}

// ---- masses ----------------------------------------------------------------------------------------------------------------------

// Masses are whole multiples of 2^-52, so sums of them up to 2 are exact in double: cumulative masses are the same numbers in whatever order
// a block sums them, and never fall. What a mass loses by it is at most 2^-53 of the whole.
inline constexpr double kMassUnit = 1.0 / (int64_t{1} << 52);

inline double RoundedMass(double weight, double sum) { return std::nearbyint(weight / sum / kMassUnit) * kMassUnit; }

// A sorted sample. `cumulative`: for each rank the mass of all ranks up to it, or null where all weigh the same.
struct SortedRow {
  const uint32_t* keys = nullptr;
  const double* cumulative = nullptr;
  int64_t count = 0;

  SLICEFLOW_HOST_DEVICE double Projection(int64_t rank) const { return static_cast<double>(FloatOfKey(keys[rank])); }
  // The mass of the ranks up to this one. The last has all of it, whatever its weights were rounded to. Equal fractions of different counts
  // are equal numbers, because the division is correctly rounded.
  SLICEFLOW_HOST_DEVICE double End(int64_t rank) const {
    if (rank >= count - 1) return 1.0;
    if (cumulative == nullptr) return static_cast<double>(rank + 1) / static_cast<double>(count);
    return cumulative[rank] < 1.0 ? cumulative[rank] : 1.0;
  }
  SLICEFLOW_HOST_DEVICE double Begin(int64_t rank) const { return rank == 0 ? 0.0 : End(rank - 1); }
};

// The first rank whose mass reaches above `mass`, by halving: where the merge of two samples goes on for a thread that starts there.
SLICEFLOW_HOST_DEVICE inline int64_t FirstAbove(const SortedRow& row, double mass) {
  int64_t low = 0, high = row.count - 1;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (row.End(middle) > mass) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// What one rank of x does: Σ_j π_j (x − y_j) and Σ_j π_j (x − y_j)².
struct RankShare {
  double moved = 0;
  double cost = 0;
};

// Of equal counts and masses: rank meets rank. The mass is left to who sums.
SLICEFLOW_HOST_DEVICE inline RankShare MatchRank(uint32_t x_key, uint32_t y_key) {
  const float difference = FloatOfKey(x_key) - FloatOfKey(y_key);
  return {static_cast<double>(difference), static_cast<double>(difference) * static_cast<double>(difference)};
}

// Of any others: the piece of the merge of both samples that lies in this rank's mass. Pieces of all ranks are the whole merge, each taken
// once. Time: a halving of y, then a step for each rank of y that is met.
SLICEFLOW_HOST_DEVICE inline RankShare MergeRank(const SortedRow& x, const SortedRow& y, int64_t rank) {
  RankShare share;
  double below = x.Begin(rank);
  const double end = x.End(rank);
  if (end <= below) return share;
  const double from = x.Projection(rank);
  for (int64_t j = FirstAbove(y, below); below < end && j < y.count; ++j) {
    const double reached = y.End(j) < end ? y.End(j) : end;
    const double difference = from - y.Projection(j);
    const double moved = (reached - below) * difference;
    share.moved += moved;
    share.cost += moved * difference;
    below = reached;
  }
  return share;
}

// ---- gradient --------------------------------------------------------------------------------------------------------------------

// Directions are dealt out to this many sums for each entry of the gradient, so that small clouds keep a GPU busy too. A batch of directions
// begins at a multiple of kBatchUnit, so that which sum takes a direction does not depend on the batches.
inline constexpr int kSlices = 4;
inline constexpr int kBatchUnit = 16;

// Adds differences[r][point] · directions[r][first .. first + kColumns) for r = slice, slice + kSlices, … to `sums`, in this order.
// Columns from `dimension` on are left alone.
template <int kColumns>
SLICEFLOW_HOST_DEVICE inline void AddSlice(const float* differences, int64_t count, int64_t point, const float* directions, int dimension,
                                           int64_t rows, int slice, int first, float* sums) {
  for (int64_t row = slice; row < rows; row += kSlices) {
    const float difference = differences[row * count + point];
    for (int k = 0; k < kColumns; ++k) {
      if (first + k < dimension) sums[k] = fmaf(difference, directions[row * dimension + first + k], sums[k]);
    }
  }
}

// One entry of the gradient from its sums, which lie `stride` apart.
SLICEFLOW_HOST_DEVICE inline float FoldSlices(const float* sums, int64_t stride) {
  static_assert(kSlices == 4, "the sum below is of four");
  return (sums[0] + sums[stride]) + (sums[2 * stride] + sums[3 * stride]);
}

}  // namespace sliceflow::kernels::gpu
