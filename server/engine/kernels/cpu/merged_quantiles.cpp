#include "server/engine/kernels/cpu/merged_quantiles.h"

#include <algorithm>

#include "server/engine/kernels/cpu/sliced_kernels.h"

namespace sliceflow::kernels {
namespace {

double Projection(uint64_t key) { return FloatOfKey(static_cast<uint32_t>(key >> 32)); }

// The index lies in the low half of a packed key.
uint32_t Index(uint64_t key) { return static_cast<uint32_t>(key); }

}  // namespace

void CumulateEqual(int64_t count, double* cumulative) {
  for (int64_t j = 0; j < count; ++j) cumulative[j] = static_cast<double>(j + 1) / static_cast<double>(count);
}

void CumulateMasses(const uint64_t* keys, const double* masses, int64_t count, double* cumulative) {
  double sum = 0;
  for (int64_t j = 0; j < count; ++j) {
    sum += masses[Index(keys[j])];
    cumulative[j] = std::min(sum, 1.0);
  }
  cumulative[count - 1] = 1.0;
}

double MergeQuantiles(const SortedSample& x, const SortedSample& y, float* differences) {
  if (differences != nullptr) std::fill_n(differences, x.count, 0.0f);
  double value = 0;
  double below = 0;
  int64_t i = 0, j = 0;
  // Both steps forward are computed, not branched on: which sample ends first is as good as random.
  while (i < x.count && j < y.count) {
    const double end_x = x.cumulative[i], end_y = y.cumulative[j];
    const double end = std::min(end_x, end_y);
    const double difference = Projection(x.keys[i]) - Projection(y.keys[j]);
    const double moved = (end - below) * difference;
    value += moved * difference;
    if (differences != nullptr) differences[Index(x.keys[i])] += static_cast<float>(moved);
    below = end;
    i += end_x <= end;
    j += end_y <= end;
  }
  return value;
}

}  // namespace sliceflow::kernels
