// How many directions go through a device's memory at a time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "server/engine/kernels/cuda/per_thread.h"
#include "server/engine/kernels/cuda/plugin.h"

namespace sliceflow::kernels::gpu {

// The second side of a grid has no more blocks.
inline constexpr int64_t kMostRows = 65536 - kBatchUnit;
// Projections of a batch: more do not keep a device busier. The sort counts them in 32 bits.
inline constexpr int64_t kMostItems = int64_t{1} << 26;
inline constexpr int64_t kSortableItems = (int64_t{1} << 31) - 1;
// Of both clouds together.
inline constexpr int64_t kMostPoints = kSortableItems / kBatchUnit;

// Memory for each direction of a batch, without what the sort takes beside. Unit: bytes.
inline int64_t RowBytes(const PluginShape& shape) {
  const int64_t points = shape.max_x + shape.max_y;
  return 4 * shape.max_x + points * (2 * 4 + 2 * 4 + 8) + 8 * (shape.max_x / 256 + 1) + 16;
}

inline bool IsSortable(const PluginShape& shape) { return shape.max_x + shape.max_y <= kMostPoints; }

// A multiple of kBatchUnit, at most a quarter of the free memory: a flow has several transports, and what each takes is its own.
inline int64_t PlanRows(const PluginShape& shape, int64_t free_bytes) {
  const auto whole = [](int64_t rows) { return std::max<int64_t>(rows / kBatchUnit, 1) * kBatchUnit; };
  const int64_t wanted = whole(shape.max_directions + kBatchUnit - 1);
  return std::min({wanted, kMostRows, whole(kMostItems / (shape.max_x + shape.max_y)), whole(free_bytes / 4 / RowBytes(shape))});
}

// For the second try.
inline int64_t HalvedRows(int64_t rows) { return std::max<int64_t>(rows / 2 / kBatchUnit, 1) * kBatchUnit; }

}  // namespace sliceflow::kernels::gpu
