#include "server/engine/kernels/cpu/cpu_sliced_transport.h"

#include <algorithm>
#include <utility>

#include "server/engine/kernels/direction_summary.h"
#include "server/engine/kernels/sliced_transport_checks.h"

namespace sliceflow::kernels {
namespace {

int64_t Padded(int64_t count) { return (std::max<int64_t>(count, 1) + kPanel - 1) / kPanel * kPanel; }

template <class T>
hwy::AlignedFreeUniquePtr<T[]> Room(int64_t count) {
  return hwy::AllocateAligned<T>(static_cast<size_t>(std::max<int64_t>(count, 1)));
}

uint32_t* BareKeys(const hwy::AlignedFreeUniquePtr<uint64_t[]>& room) { return reinterpret_cast<uint32_t*>(room.get()); }

// Below this many projections waking the other threads costs more than they bring.
constexpr int64_t kWorthSharing = 1 << 17;

// Directions are projected in multiples of these, and their part of the gradient summed in blocks of as many as stay in the cache.
constexpr int64_t kFewestRows = 8, kCachedRows = 64;

// Directions projected together. More read each point once for all of them, which counts where the points do not stay in the cache; but
// their keys want to stay there until they are sorted.
int64_t TileRows(const SlicedTransportShape& shape) {
  constexpr int64_t kCachedPoints = 1 << 17, kCachedKeys = 1 << 16;
  if (Padded(shape.max_x) * shape.dimension <= kCachedPoints) return kFewestRows;
  return std::clamp(kCachedKeys / Padded(shape.max_x) / kFewestRows * kFewestRows, kFewestRows, kCachedRows);
}

// Directions a block. One thread wants its differences in the cache; several want to meet seldom.
int64_t BlockRows(const SlicedTransportShape& shape, int threads) {
  constexpr int64_t kMost = 1024, kFloats = 1 << 21;
  if (threads == 1) return kCachedRows;
  return std::clamp(kFloats / Padded(shape.max_x) / kCachedRows * kCachedRows, kCachedRows, kMost);
}

}  // namespace

CpuSlicedTransport::CpuSlicedTransport(const SlicedTransportShape& shape, int threads)
    : SlicedTransport(shape),
      pool_(std::max(threads, 1)),
      room_for_targets_(std::clamp(shape.max_targets, 1, kMostTargets)),
      tile_rows_(TileRows(shape)),
      block_rows_(BlockRows(shape, pool_.threads())),
      x_(MakeSide(shape.max_x, shape.dimension)),
      differences_(Room<float>(Padded(shape.max_x) * block_rows_)),
      gradient_panels_(Room<float>(Padded(shape.max_x) * shape.dimension)),
      values_(std::max<int64_t>(shape.max_directions, 1) * room_for_targets_) {
  for (int target = 0; target < room_for_targets_; ++target) y_[target] = MakeSide(shape.max_y, shape.dimension);
  for (int worker = 0; worker < pool_.threads(); ++worker) scratch_.push_back(MakeScratch());
}

CpuSlicedTransport::Side CpuSlicedTransport::MakeSide(int64_t max_count, int dimension) {
  Side side;
  side.panels = Room<float>(Padded(max_count) * dimension);
  side.masses = Room<double>(max_count);
  side.equal_cumulative = Room<double>(max_count);
  return side;
}

CpuSlicedTransport::Scratch CpuSlicedTransport::MakeScratch() const {
  Scratch scratch;
  scratch.x_keys = Room<uint64_t>(Padded(shape().max_x) * tile_rows_);
  for (int target = 0; target < room_for_targets_; ++target) scratch.y_keys[target] = Room<uint64_t>(Padded(shape().max_y) * tile_rows_);
  scratch.x_cumulative = Room<double>(shape().max_x);
  scratch.y_cumulative = Room<double>(shape().max_y);
  return scratch;
}

absl::StatusOr<SlicedValue> CpuSlicedTransport::Evaluate(const PointCloud& x, const PointCloud& y, absl::Span<const float> directions,
                                                         absl::Span<float> gradient) {
  if (absl::Status status = CheckSlicedTransportInput(shape(), x, y, directions, gradient); !status.ok()) return status;
  const SlicedTarget target{y};
  SlicedValue value;
  Compute(x, absl::MakeConstSpan(&target, 1), directions, gradient, absl::MakeSpan(&value, 1));
  return value;
}

absl::Status CpuSlicedTransport::EvaluateSum(const PointCloud& x, absl::Span<const SlicedTarget> targets,
                                             absl::Span<const float> directions, absl::Span<float> gradient,
                                             absl::Span<SlicedValue> values) {
  absl::Status status = CheckSlicedSumInput(shape(), x, targets, directions, gradient, values);
  if (status.ok()) Compute(x, targets, directions, gradient, values);
  return status;
}

void CpuSlicedTransport::Compute(const PointCloud& x, absl::Span<const SlicedTarget> targets, absl::Span<const float> directions,
                                 absl::Span<float> gradient, absl::Span<SlicedValue> values) {
  directions_ = directions;
  direction_count_ = static_cast<int64_t>(directions.size()) / shape().dimension;
  gradient_ = gradient.data();
  wants_gradient_ = !gradient.empty();
  targets_.count = static_cast<int>(targets.size());
  merged_ = !x.weights.empty();
  for (const SlicedTarget& target : targets) merged_ |= x.count != target.cloud.count || !target.cloud.weights.empty();
  Load(x, x_);
  int64_t projections = x_.padded;
  for (int t = 0; t < targets_.count; ++t) {
    targets_.weights[t] = static_cast<float>(targets[t].weight);
    Load(targets[t].cloud, y_[t]);
    projections += y_[t].padded;
  }
  if (wants_gradient_) std::fill_n(gradient_panels_.get(), x_.padded * shape().dimension, 0.0f);
  threads_ = projections * direction_count_ < kWorthSharing ? 1 : pool_.threads();
  next_row_ = 0;
  if (threads_ == 1) {
    Work(0);
  } else {
    pool_.Run([this](int worker) { Work(worker); });
  }
  for (int t = 0; t < targets_.count; ++t) {
    values[t] = SummaryOfDirections(absl::MakeConstSpan(ValuesOf(t), static_cast<size_t>(direction_count_)));
  }
}

void CpuSlicedTransport::Load(const PointCloud& cloud, Side& side) const {
  const int64_t dimension = shape().dimension;
  side.count = cloud.count;
  side.padded = Padded(cloud.count);
  side.weighted = !cloud.weights.empty();
  std::fill_n(side.panels.get() + (side.padded - kPanel) * dimension, kPanel * dimension, 0.0f);
  for (int64_t first = 0; first < cloud.count; first += kPanel) {
    const float* from = cloud.points.data() + first * dimension;
    float* to = side.panels.get() + first * dimension;
    const int64_t points = std::min(kPanel, cloud.count - first);
    for (int64_t k = 0; k < dimension; ++k) {
      for (int64_t i = 0; i < points; ++i) to[k * kPanel + i] = from[i * dimension + k];
    }
  }
  if (merged_ && !side.weighted) CumulateEqual(cloud.count, side.equal_cumulative.get());
  if (!side.weighted) return;
  double sum = 0;
  for (const float weight : cloud.weights) sum += weight;
  for (int64_t i = 0; i < cloud.count; ++i) side.masses[i] = cloud.weights[i] / sum;
}

void CpuSlicedTransport::Work(int worker) {
  const int64_t first = x_.padded / kPanel * worker / threads_, last = x_.padded / kPanel * (worker + 1) / threads_;
  for (int64_t block = 0; block < direction_count_; block += block_rows_) {
    const int64_t end = std::min(block + block_rows_, direction_count_);
    for (Rows rows = TakeRows(end); rows.count > 0; rows = TakeRows(end)) {
      MatchTile(rows.first, rows.count, differences_.get() + (rows.first - block) * x_.padded, scratch_[worker]);
    }
    if (!wants_gradient_) continue;
    if (threads_ > 1) pool_.Meet();
    for (int64_t row = block; row < end; row += kCachedRows) {
      AccumulateGradient(differences_.get() + (row - block) * x_.padded, x_.padded, directions_.data() + row * shape().dimension,
                         std::min(kCachedRows, end - row), shape().dimension, first, last, gradient_panels_.get());
    }
    if (threads_ > 1 && end < direction_count_) pool_.Meet();
  }
  if (wants_gradient_) WriteGradient(first * kPanel, std::min(last * kPanel, x_.count));
}

// Several threads take fewer rows as the block comes to its end, so that none waits long for another.
CpuSlicedTransport::Rows CpuSlicedTransport::TakeRows(int64_t end) {
  int64_t first = next_row_.load(std::memory_order_relaxed);
  while (first < end) {
    const int64_t share = (end - first) / (2 * threads_) / kFewestRows * kFewestRows;
    const int64_t most = threads_ == 1 ? tile_rows_ : std::clamp(share, kFewestRows, tile_rows_);
    const int64_t count = std::min(most, end - first);
    if (next_row_.compare_exchange_weak(first, first + count, std::memory_order_relaxed)) return {first, count};
  }
  return {};
}

void CpuSlicedTransport::MatchTile(int64_t first, int64_t count, float* differences, Scratch& scratch) {
  if (merged_) return MatchTileMerged(first, count, differences, scratch);
  if (!wants_gradient_) return MatchTileValueOnly(first, count, scratch);
  MatchTileEqual(first, count, differences, scratch);
}

// The padding at the end of a row is not sorted: all sides keep the projection 0 there, which adds nothing.
void CpuSlicedTransport::MatchTileEqual(int64_t first, int64_t count, float* differences, Scratch& scratch) {
  const float* directions = directions_.data() + first * shape().dimension;
  ProjectPackedKeys(PanelsOf(x_), directions, count, scratch.x_keys.get());
  for (int t = 0; t < targets_.count; ++t) ProjectKeys(PanelsOf(y_[t]), directions, count, BareKeys(scratch.y_keys[t]));
  SortedTargets sorted = targets_;
  std::array<double, kMostTargets> sums;
  for (int64_t row = 0; row < count; ++row) {
    uint64_t* x_row = scratch.x_keys.get() + row * x_.padded;
    scratch.sorter(x_row, x_.count, hwy::SortAscending());
    for (int t = 0; t < targets_.count; ++t) {
      uint32_t* y_row = BareKeys(scratch.y_keys[t]) + row * y_[t].padded;
      scratch.sorter(y_row, y_[t].count, hwy::SortAscending());
      sorted.keys[t] = y_row;
    }
    MatchPacked(x_row, sorted, x_.padded, differences + row * x_.padded, sums.data());
    for (int t = 0; t < targets_.count; ++t) ValuesOf(t)[first + row] = sums[t] / static_cast<double>(x_.count);
  }
}

void CpuSlicedTransport::MatchTileValueOnly(int64_t first, int64_t count, Scratch& scratch) {
  const float* directions = directions_.data() + first * shape().dimension;
  ProjectKeys(PanelsOf(x_), directions, count, BareKeys(scratch.x_keys));
  for (int t = 0; t < targets_.count; ++t) ProjectKeys(PanelsOf(y_[t]), directions, count, BareKeys(scratch.y_keys[t]));
  for (int64_t row = 0; row < count; ++row) {
    uint32_t* x_row = BareKeys(scratch.x_keys) + row * x_.padded;
    scratch.sorter(x_row, x_.count, hwy::SortAscending());
    for (int t = 0; t < targets_.count; ++t) {
      uint32_t* y_row = BareKeys(scratch.y_keys[t]) + row * y_[t].padded;
      scratch.sorter(y_row, y_[t].count, hwy::SortAscending());
      ValuesOf(t)[first + row] = Match(x_row, y_row, x_.padded) / static_cast<double>(x_.count);
    }
  }
}

void CpuSlicedTransport::MatchTileMerged(int64_t first, int64_t count, float* differences, Scratch& scratch) {
  const float* directions = directions_.data() + first * shape().dimension;
  ProjectPackedKeys(PanelsOf(x_), directions, count, scratch.x_keys.get());
  for (int t = 0; t < targets_.count; ++t) ProjectPackedKeys(PanelsOf(y_[t]), directions, count, scratch.y_keys[t].get());
  for (int64_t row = 0; row < count; ++row) {
    const SortedSample x = Sort(x_, scratch.x_keys.get() + row * x_.padded, scratch.x_cumulative.get(), scratch);
    float* to = wants_gradient_ ? differences + row * x_.padded : nullptr;
    if (to != nullptr) std::fill_n(to, x_.padded, 0.0f);
    for (int t = 0; t < targets_.count; ++t) {
      const SortedSample y = Sort(y_[t], scratch.y_keys[t].get() + row * y_[t].padded, scratch.y_cumulative.get(), scratch);
      ValuesOf(t)[first + row] = MergeQuantiles(x, y, targets_.weights[t], to);
    }
  }
}

SortedSample CpuSlicedTransport::Sort(const Side& side, uint64_t* keys, double* cumulative, Scratch& scratch) const {
  scratch.sorter(keys, side.count, hwy::SortAscending());
  if (!side.weighted) return {keys, side.equal_cumulative.get(), side.count};
  CumulateMasses(keys, side.masses.get(), side.count, cumulative);
  return {keys, cumulative, side.count};
}

void CpuSlicedTransport::WriteGradient(int64_t first, int64_t last) const {
  const int64_t dimension = shape().dimension;
  // The merged path carries the masses in its differences; with equal counts each is 1 / count.
  const double mass = merged_ ? 1.0 : 1.0 / static_cast<double>(x_.count);
  const float scale = static_cast<float>(2.0 * mass / static_cast<double>(direction_count_));
  for (int64_t i = first; i < last; ++i) {
    const float* from = gradient_panels_.get() + (i / kPanel) * dimension * kPanel + i % kPanel;
    for (int64_t k = 0; k < dimension; ++k) gradient_[i * dimension + k] = scale * from[k * kPanel];
  }
}

std::unique_ptr<SlicedTransport> MakeCpuSlicedTransport(const SlicedTransportShape& shape, int threads) {
  return std::make_unique<CpuSlicedTransport>(shape, threads);
}

}  // namespace sliceflow::kernels
