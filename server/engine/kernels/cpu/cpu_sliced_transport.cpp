#include "server/engine/kernels/cpu/cpu_sliced_transport.h"

#include <algorithm>
#include <bit>

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

// The differences of so many directions are small beside the cache, and large enough for a product.
constexpr int64_t kCachedRows = 64;

// Directions are projected in multiples of these, which is one or two tiles of a product.
constexpr int64_t kTileRows = 8;

// Whether points stay in the cache from one tile of directions to the next.
bool PointsAreCached(const SlicedTransportShape& shape) { return Padded(shape.max_x) * shape.dimension <= 1 << 17; }

// Directions projected together. More read each point once for all of them, which counts where the points do not stay in the cache; but
// their keys want to stay there until they are sorted.
int64_t MostRows(const SlicedTransportShape& shape) {
  constexpr int64_t kCachedKeys = 1 << 16;
  if (PointsAreCached(shape)) return kTileRows;
  return std::clamp(kCachedKeys / Padded(shape.max_x) / kTileRows * kTileRows, kTileRows, kCachedRows);
}

// Several threads end with so few, lest one waits long for another's last; not fewer than are worth reading the points for.
int64_t FewestRows(const SlicedTransportShape& shape) {
  constexpr int kFewDimensions = 8;
  return PointsAreCached(shape) || shape.dimension <= kFewDimensions ? 2 : std::min<int64_t>(MostRows(shape), 16);
}

// Directions a block. Several threads have smaller ones, so that more of them have room in the cache.
int64_t BlockRows(const SlicedTransportShape& shape, int threads) {
  return threads == 1 ? kCachedRows : std::max(kCachedRows / 4, MostRows(shape));
}

// Blocks that there is room for. One thread needs one; several go on with the next ones before all have summed the first.
int64_t RingBlocks(const SlicedTransportShape& shape, int threads) {
  if (threads == 1) return 1;
  const int64_t block = BlockRows(shape, threads), all = (std::max<int64_t>(shape.max_directions, 1) + block - 1) / block;
  return std::min(std::max(kCachedRows, 2 * threads * MostRows(shape)) / block, all);
}

}  // namespace

CpuSlicedTransport::CpuSlicedTransport(const SlicedTransportShape& shape, int threads)
    : SlicedTransport(shape),
      pool_(std::max(threads, 1)),
      room_for_targets_(std::clamp(shape.max_targets, 1, kMostTargets)),
      most_rows_(MostRows(shape)),
      fewest_rows_(FewestRows(shape)),
      block_rows_(BlockRows(shape, pool_.threads())),
      ring_(RingBlocks(shape, pool_.threads())),
      x_(MakeSide(shape.max_x, shape.dimension)),
      differences_(Room<float>(Padded(shape.max_x) * ring_ * block_rows_)),
      gradient_panels_(Room<float>(Padded(shape.max_x) * shape.dimension)),
      values_(std::max<int64_t>(shape.max_directions, 1) * room_for_targets_),
      matched_(ring_),
      summed_(pool_.threads()) {
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
  scratch.x_keys = Room<uint64_t>(Padded(shape().max_x) * most_rows_);
  for (int target = 0; target < room_for_targets_; ++target) scratch.y_keys[target] = Room<uint64_t>(Padded(shape().max_y) * most_rows_);
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
  Take(x, x_);
  int64_t panels = x_.padded / kPanel;
  for (int t = 0; t < targets_.count; ++t) {
    targets_.weights[t] = static_cast<float>(targets[t].weight);
    Take(targets[t].cloud, y_[t]);
    panels += y_[t].padded / kPanel;
  }
  threads_ = panels * kPanel * direction_count_ < kWorthSharing ? 1 : pool_.threads();
  panels_left_ = panels;
  next_panel_ = 0;
  next_row_ = 0;
  for (std::atomic<int64_t>& rows : matched_) rows = 0;
  for (std::atomic<int64_t>& blocks : summed_) blocks = 0;
  if (threads_ == 1) {
    Work(0);
  } else {
    pool_.Run([this](int worker) { Work(worker); });
  }
  for (int t = 0; t < targets_.count; ++t) {
    values[t] = SummaryOfDirections(absl::MakeConstSpan(ValuesOf(t), static_cast<size_t>(direction_count_)));
  }
}

void CpuSlicedTransport::Take(const PointCloud& cloud, Side& side) const {
  side.points = cloud.points.data();
  side.count = cloud.count;
  side.padded = Padded(cloud.count);
  side.weighted = !cloud.weights.empty();
  if (merged_ && !side.weighted) CumulateEqual(cloud.count, side.equal_cumulative.get());
  if (!side.weighted) return;
  double sum = 0;
  for (const float weight : cloud.weights) sum += weight;
  for (int64_t i = 0; i < cloud.count; ++i) side.masses[i] = cloud.weights[i] / sum;
}

void CpuSlicedTransport::Work(int worker) {
  LoadPanels();
  if (!wants_gradient_) {
    for (Rows rows = TakeRows(direction_count_); rows.count > 0; rows = TakeRows(direction_count_)) MatchRows(rows, scratch_[worker]);
    return;
  }
  const int64_t first = x_.padded / kPanel * worker / threads_, last = x_.padded / kPanel * (worker + 1) / threads_;
  for (int64_t block = 0; block * block_rows_ < direction_count_;) {
    const int seen = progress_.load(std::memory_order_acquire);
    if (IsMatched(block)) {
      SumBlock(block, first, last);
      summed_[worker].store(++block, std::memory_order_release);
      TellProgress();
    } else if (const Rows rows = TakeRows(RowsWithRoom()); rows.count > 0) {
      MatchRows(rows, scratch_[worker]);
      matched_[rows.first / block_rows_ % ring_].fetch_add(rows.count, std::memory_order_release);
      TellProgress();
    } else {
      progress_.wait(seen, std::memory_order_acquire);
    }
  }
  WriteGradient(first * kPanel, std::min(last * kPanel, x_.count));
}

void CpuSlicedTransport::TellProgress() {
  progress_.fetch_add(1, std::memory_order_release);
  if (threads_ > 1) progress_.notify_all();
}

// Panels of all clouds count as one sequence, of which each thread takes the next few. Returns when all are loaded.
void CpuSlicedTransport::LoadPanels() {
  constexpr int64_t kFloats = 1 << 14;
  const int64_t few = std::max<int64_t>(1, kFloats / (kPanel * shape().dimension));
  while (const int64_t loaded = LoadPanelsFrom(next_panel_.fetch_add(few, std::memory_order_relaxed), few)) {
    panels_left_.fetch_sub(loaded, std::memory_order_release);
    TellProgress();
  }
  while (true) {
    const int seen = progress_.load(std::memory_order_acquire);
    if (panels_left_.load(std::memory_order_acquire) == 0) return;
    progress_.wait(seen, std::memory_order_acquire);
  }
}

int64_t CpuSlicedTransport::LoadPanelsFrom(int64_t panel, int64_t few) {
  int64_t loaded = 0;
  for (int t = -1; t < targets_.count; ++t) {
    const Side& side = t < 0 ? x_ : y_[t];
    const int64_t end = side.padded / kPanel;
    for (; panel < end && loaded < few; ++panel, ++loaded) LoadPanel(side, panel);
    panel = std::max<int64_t>(panel - end, 0);
  }
  return loaded;
}

void CpuSlicedTransport::LoadPanel(const Side& side, int64_t panel) const {
  const int64_t dimension = shape().dimension, points = std::min(kPanel, side.count - panel * kPanel);
  const float* from = side.points + panel * kPanel * dimension;
  float* to = side.panels.get() + panel * kPanel * dimension;
  if (points < kPanel) std::fill_n(to, kPanel * dimension, 0.0f);
  for (int64_t k = 0; k < dimension; ++k) {
    for (int64_t i = 0; i < points; ++i) to[k * kPanel + i] = from[i * dimension + k];
  }
}

// Its place counts the rows of all blocks that it has held. A block comes only after every thread has summed the one before it there.
bool CpuSlicedTransport::IsMatched(int64_t block) const {
  const int64_t rows = std::min(block_rows_, direction_count_ - block * block_rows_);
  return matched_[block % ring_].load(std::memory_order_acquire) == block / ring_ * block_rows_ + rows;
}

// The end of the rows whose place in the ring all threads are done with.
int64_t CpuSlicedTransport::RowsWithRoom() const {
  int64_t summed = direction_count_;
  for (int worker = 0; worker < threads_; ++worker) summed = std::min(summed, summed_[worker].load(std::memory_order_acquire));
  return std::min((summed + ring_) * block_rows_, direction_count_);
}

void CpuSlicedTransport::SumBlock(int64_t block, int64_t first, int64_t last) {
  const int64_t row = block * block_rows_;
  AccumulateGradient({.differences = DifferencesOf(row),
                      .stride = x_.padded,
                      .directions = directions_.data() + row * shape().dimension,
                      .count = std::min(block_rows_, direction_count_ - row),
                      .dimension = shape().dimension},
                     first, last, /*fresh=*/block == 0, gradient_panels_.get());
}

// Of one block. Several threads take fewer rows as the directions come to their end, so that none waits long for another.
CpuSlicedTransport::Rows CpuSlicedTransport::TakeRows(int64_t end) {
  int64_t first = next_row_.load(std::memory_order_relaxed);
  while (first < end) {
    const auto share = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(direction_count_ - first) / threads_));
    const int64_t most = threads_ == 1 ? most_rows_ : std::clamp(share, fewest_rows_, most_rows_);
    const int64_t count = std::min({most, end - first, block_rows_ - first % block_rows_});
    if (next_row_.compare_exchange_weak(first, first + count, std::memory_order_relaxed)) return {first, count};
  }
  return {};
}

float* CpuSlicedTransport::DifferencesOf(int64_t row) const { return differences_.get() + row % (ring_ * block_rows_) * x_.padded; }

void CpuSlicedTransport::MatchRows(Rows rows, Scratch& scratch) {
  if (merged_) return MatchMerged(rows, scratch);
  if (!wants_gradient_) return MatchValueOnly(rows, scratch);
  MatchEqual(rows, scratch);
}

// The padding at the end of a row is not sorted: all sides keep the projection 0 there, which adds nothing.
void CpuSlicedTransport::MatchEqual(Rows rows, Scratch& scratch) {
  const float* directions = directions_.data() + rows.first * shape().dimension;
  ProjectPackedKeys(PanelsOf(x_), directions, rows.count, scratch.x_keys.get());
  for (int t = 0; t < targets_.count; ++t) ProjectKeys(PanelsOf(y_[t]), directions, rows.count, BareKeys(scratch.y_keys[t]));
  SortedTargets sorted = targets_;
  std::array<double, kMostTargets> sums;
  for (int64_t row = 0; row < rows.count; ++row) {
    uint64_t* x_row = scratch.x_keys.get() + row * x_.padded;
    scratch.sorter(x_row, x_.count, hwy::SortAscending());
    for (int t = 0; t < targets_.count; ++t) {
      uint32_t* y_row = BareKeys(scratch.y_keys[t]) + row * y_[t].padded;
      scratch.sorter(y_row, y_[t].count, hwy::SortAscending());
      sorted.keys[t] = y_row;
    }
    MatchPacked(x_row, sorted, x_.padded, DifferencesOf(rows.first + row), sums.data());
    for (int t = 0; t < targets_.count; ++t) ValuesOf(t)[rows.first + row] = sums[t] / static_cast<double>(x_.count);
  }
}

void CpuSlicedTransport::MatchValueOnly(Rows rows, Scratch& scratch) {
  const float* directions = directions_.data() + rows.first * shape().dimension;
  ProjectKeys(PanelsOf(x_), directions, rows.count, BareKeys(scratch.x_keys));
  for (int t = 0; t < targets_.count; ++t) ProjectKeys(PanelsOf(y_[t]), directions, rows.count, BareKeys(scratch.y_keys[t]));
  for (int64_t row = 0; row < rows.count; ++row) {
    uint32_t* x_row = BareKeys(scratch.x_keys) + row * x_.padded;
    scratch.sorter(x_row, x_.count, hwy::SortAscending());
    for (int t = 0; t < targets_.count; ++t) {
      uint32_t* y_row = BareKeys(scratch.y_keys[t]) + row * y_[t].padded;
      scratch.sorter(y_row, y_[t].count, hwy::SortAscending());
      ValuesOf(t)[rows.first + row] = Match(x_row, y_row, x_.padded) / static_cast<double>(x_.count);
    }
  }
}

void CpuSlicedTransport::MatchMerged(Rows rows, Scratch& scratch) {
  const float* directions = directions_.data() + rows.first * shape().dimension;
  ProjectPackedKeys(PanelsOf(x_), directions, rows.count, scratch.x_keys.get());
  for (int t = 0; t < targets_.count; ++t) ProjectPackedKeys(PanelsOf(y_[t]), directions, rows.count, scratch.y_keys[t].get());
  for (int64_t row = 0; row < rows.count; ++row) {
    const SortedSample x = Sort(x_, scratch.x_keys.get() + row * x_.padded, scratch.x_cumulative.get(), scratch);
    float* to = wants_gradient_ ? DifferencesOf(rows.first + row) : nullptr;
    if (to != nullptr) std::fill_n(to, x_.padded, 0.0f);
    for (int t = 0; t < targets_.count; ++t) {
      const SortedSample y = Sort(y_[t], scratch.y_keys[t].get() + row * y_[t].padded, scratch.y_cumulative.get(), scratch);
      ValuesOf(t)[rows.first + row] = MergeQuantiles(x, y, targets_.weights[t], to);
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
