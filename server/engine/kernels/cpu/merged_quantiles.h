// One-dimensional transport between two sorted, weighted samples: both cumulative weights are merged, exactly.
#pragma once

#include <cstdint>

namespace sliceflow::kernels {

// A sorted sample: packed keys (projection | index) and, for each rank, the mass of all ranks up to it. The last is 1.
struct SortedSample {
  const uint64_t* keys = nullptr;
  const double* cumulative = nullptr;
  int64_t count = 0;
};

// cumulative[j] = (j + 1) / count: equal fractions of different counts are equal numbers, because the division is correctly rounded.
void CumulateEqual(int64_t count, double* cumulative);

// cumulative[j] = masses of the first j + 1 ranks. `masses` sum to one; rounding is clipped, and the last is exactly 1.
void CumulateMasses(const uint64_t* keys, const double* masses, int64_t count, double* cumulative);

// W2² between the samples. When `differences` is not null, weight · Σ_j π_ij (x_i − y_j) is added to its entry i for every point i of x.
double MergeQuantiles(const SortedSample& x, const SortedSample& y, double weight, float* differences);

}  // namespace sliceflow::kernels
