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

// Threads share the loading of points, then the directions (project, sort, match: one row of differences a direction). Directions
// lie in blocks; when all of a block are matched, each thread adds its part to the gradient (differences · directions) for points of
// its own, block after block, so that every sum runs in the order of the directions however many threads there are. Nobody waits
// for a block as long as there is room for rows of the next ones: differences lie in a ring of a few blocks.
// Memory: O((max_x + max_y · max_targets) · (dimension + threads) + max_x · block).
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
    const float* points = nullptr;  // the caller's
    Buffer<float> panels;
    Buffer<double> masses;            // normalised; used when weighted
    Buffer<double> equal_cumulative;  // used by the merged path without weights
    int64_t count = 0;
    int64_t padded = 0;
    bool weighted = false;
  };

  // Directions that are taken together.
  struct Rows {
    int64_t first = 0;
    int64_t count = 0;
  };

  struct Scratch {
    hwy::Sorter sorter;
    Buffer<uint64_t> x_keys;  // most_rows_ rows; bare keys use the same room
    std::array<Buffer<uint64_t>, kMostTargets> y_keys;
    Buffer<double> x_cumulative, y_cumulative;
  };

  static Side MakeSide(int64_t max_count, int dimension);
  Scratch MakeScratch() const;
  void Compute(const PointCloud& x, absl::Span<const SlicedTarget> targets, absl::Span<const float> directions, absl::Span<float> gradient,
               absl::Span<SlicedValue> values);
  void Take(const PointCloud& cloud, Side& side) const;
  void Work(int worker);
  void TellProgress();
  void LoadPanels();
  int64_t LoadPanelsFrom(int64_t panel, int64_t few);
  void LoadPanel(const Side& side, int64_t panel) const;
  bool IsMatched(int64_t block) const;
  int64_t RowsWithRoom() const;
  void SumBlock(int64_t block, int64_t first, int64_t last);
  Rows TakeRows(int64_t end);
  float* DifferencesOf(int64_t row) const;
  void MatchRows(Rows rows, Scratch& scratch);
  void MatchEqual(Rows rows, Scratch& scratch);
  void MatchValueOnly(Rows rows, Scratch& scratch);
  void MatchMerged(Rows rows, Scratch& scratch);
  SortedSample Sort(const Side& side, uint64_t* keys, double* cumulative, Scratch& scratch) const;
  void WriteGradient(int64_t first, int64_t last) const;
  Panels PanelsOf(const Side& side) const { return {side.panels.get(), side.padded / kPanel, shape().dimension}; }
  double* ValuesOf(int target) { return values_.data() + target * shape().max_directions; }

  WorkerPool pool_;
  const int room_for_targets_;
  const int64_t most_rows_, fewest_rows_;  // taken together
  const int64_t block_rows_;
  const int64_t ring_;  // blocks
  Side x_;
  std::array<Side, kMostTargets> y_;
  std::vector<Scratch> scratch_;  // one a thread
  Buffer<float> differences_;     // ring_ blocks of rows of x_.padded
  Buffer<float> gradient_panels_;
  std::vector<double> values_;  // max_directions a target
  SortedTargets targets_;       // of this call, without their keys
  absl::Span<const float> directions_;
  int64_t direction_count_ = 0;
  std::atomic<int64_t> next_panel_ = 0;        // the first that no thread has taken, of x and then of each target
  std::atomic<int64_t> panels_left_ = 0;       // to be loaded
  std::atomic<int64_t> next_row_ = 0;          // the first direction that no thread has taken
  std::vector<std::atomic<int64_t>> matched_;  // rows in each place of the ring
  std::vector<std::atomic<int64_t>> summed_;   // blocks by each thread
  std::atomic<int> progress_ = 0;              // changes with each of these; what threads wait for
  float* gradient_ = nullptr;                  // the caller's
  int threads_ = 1;                            // at work on this call
  bool merged_ = false;
  bool wants_gradient_ = false;
};

}  // namespace sliceflow::kernels
