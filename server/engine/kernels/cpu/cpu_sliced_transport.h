// The fast sliced transport of the processor; see sliced_transport.h for what it computes.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "hwy/aligned_allocator.h"
#include "hwy/contrib/sort/vqsort.h"
#include "server/engine/kernels/cpu/merged_quantiles.h"
#include "server/engine/kernels/cpu/sliced_kernels.h"
#include "server/engine/kernels/cpu/worker_pool.h"
#include "server/engine/kernels/sliced_transport.h"

namespace sliceflow::kernels {

// Directions are taken in blocks. Within a block threads first share the directions (project, sort, match: one row of differences
// a direction), then the points (gradient += differences · directions), so that every sum runs in the order of the directions however many
// threads there are and however long a block is. Memory: O((max_x + max_y) · (dimension + threads) + max_x · block).
class CpuSlicedTransport : public SlicedTransport {
 public:
  CpuSlicedTransport(const SlicedTransportShape& shape, int threads);

  absl::StatusOr<SlicedValue> Evaluate(const PointCloud& x, const PointCloud& y, absl::Span<const float> directions,
                                       absl::Span<float> gradient) override;
  absl::Status EvaluateSum(const PointCloud& x, absl::Span<const SlicedTarget> targets, absl::Span<const float> directions,
                           absl::Span<float> gradient, absl::Span<SlicedValue> values) override;

 private:
  template <class T>
  using Buffer = hwy::AlignedFreeUniquePtr<T[]>;

  // One cloud as it is asked for now, and the room for it.
  struct Side {
    Buffer<float> panels;
    Buffer<double> masses;            // normalised; used when weighted
    Buffer<double> equal_cumulative;  // used by the merged path without weights
    int64_t count = 0;
    int64_t padded = 0;
    bool weighted = false;
  };

  // Directions of one tile.
  struct Rows {
    int64_t first = 0;
    int64_t count = 0;
  };

  struct Scratch {
    hwy::Sorter sorter;
    Buffer<uint64_t> x_keys;  // tile_rows_ rows; bare keys use the same room
    std::array<Buffer<uint64_t>, kMostTargets> y_keys;
    Buffer<double> x_cumulative, y_cumulative;
  };

  static Side MakeSide(int64_t max_count, int dimension);
  Scratch MakeScratch() const;
  void Compute(const PointCloud& x, absl::Span<const SlicedTarget> targets, absl::Span<const float> directions, absl::Span<float> gradient,
               absl::Span<SlicedValue> values);
  void Load(const PointCloud& cloud, Side& side) const;
  void Work(int worker);
  Rows TakeRows(int64_t end);
  void MatchTile(int64_t first, int64_t count, float* differences, Scratch& scratch);
  void MatchTileEqual(int64_t first, int64_t count, float* differences, Scratch& scratch);
  void MatchTileValueOnly(int64_t first, int64_t count, Scratch& scratch);
  void MatchTileMerged(int64_t first, int64_t count, float* differences, Scratch& scratch);
  SortedSample Sort(const Side& side, uint64_t* keys, double* cumulative, Scratch& scratch) const;
  void WriteGradient(int64_t first, int64_t last) const;
  Panels PanelsOf(const Side& side) const { return {side.panels.get(), side.padded / kPanel, shape().dimension}; }
  double* ValuesOf(int target) { return values_.data() + target * shape().max_directions; }

  WorkerPool pool_;
  const int room_for_targets_;
  const int64_t tile_rows_, block_rows_;
  Side x_;
  std::array<Side, kMostTargets> y_;
  std::vector<Scratch> scratch_;  // one a thread
  Buffer<float> differences_;     // block_rows_ rows of x_.padded
  Buffer<float> gradient_panels_;
  std::vector<double> values_;  // max_directions a target
  SortedTargets targets_;       // of this call, without their keys
  absl::Span<const float> directions_;
  int64_t direction_count_ = 0;
  std::atomic<int64_t> next_row_ = 0;  // the first direction that no thread has taken
  float* gradient_ = nullptr;          // the caller's
  int threads_ = 1;                    // at work on this call
  bool merged_ = false;
  bool wants_gradient_ = false;
};

}  // namespace sliceflow::kernels
