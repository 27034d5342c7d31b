#include "server/engine/kernels/cpu/merged_quantiles.h"

#include <algorithm>
#include <bit>

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

double MergeQuantiles(const SortedSample& x, const SortedSample& y, double weight, float* differences) {
  double value = 0;
  double below = 0;
  int64_t i = 0, j = 0;
  // Both steps forward are computed, not branched on: which sample ends first is as good as random. The next step waits for nothing but
  // this comparison, so it is made on the bits: positive doubles compare as integers, in a quarter of the time.
  while (i < x.count && j < y.count) {
    const double end_x = x.cumulative[i], end_y = y.cumulative[j];
    const double end = std::min(end_x, end_y);
    const double difference = Projection(x.keys[i]) - Projection(y.keys[j]);
    const double moved = (end - below) * difference;
    value += moved * difference;
    if (differences != nullptr) differences[Index(x.keys[i])] += static_cast<float>(weight * moved);
    below = end;
    const int64_t bits_x = std::bit_cast<int64_t>(end_x), bits_y = std::bit_cast<int64_t>(end_y);
    i += bits_x <= bits_y;
    j += bits_y <= bits_x;
  }
  return value;
}

}  // namespace sliceflow::kernels
