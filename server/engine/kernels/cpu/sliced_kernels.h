// The vector loops of the processor's sliced transport, each dispatched at run time to the best instruction set.
//
// Points are kept in panels of kPanel: coordinate k of point p * kPanel + i lies at panels[(p * dimension + k) * kPanel + i]; the last
// panel is filled up with zeros. Rows of keys and differences are padded to whole panels too. All buffers are aligned as
// hwy::AllocateAligned does. A key is a float whose bits are reordered so that unsigned comparison is numerical comparison. A packed key
// holds it in the high half and the point's index in the low half. Nothing here allocates; every function may run on several threads.
#pragma once

#include <array>
#include <cstdint>

#include "server/engine/kernels/float_key.h"
#include "server/engine/kernels/sliced_transport.h"

namespace sliceflow::kernels {

inline constexpr int64_t kPanel = 16;

// One panel-wise set of points.
struct Panels {
  const float* data = nullptr;
  int64_t count = 0;  // panels
  int dimension = 0;
};

// Projects the points on `count` directions (row-major): row r of `keys`, of panels.count * kPanel entries, takes packed keys.
void ProjectPackedKeys(const Panels& panels, const float* directions, int64_t count, uint64_t* keys);

// The same with bare keys, for points whose order need not be remembered.
void ProjectKeys(const Panels& panels, const float* directions, int64_t count, uint32_t* keys);

// One direction of up to kMostTargets targets.
struct SortedTargets {
  std::array<const uint32_t*, kMostTargets> keys = {};  // sorted bare keys of each
  std::array<float, kMostTargets> weights = {};
  int count = 1;
};

// Writes Σ_t weight_t (x_j − y_tj) to differences[index of x_j] for each of `padded` sorted entries, and Σ_j (x_j − y_tj)² to sums[t].
void MatchPacked(const uint64_t* x_keys, const SortedTargets& targets, int64_t padded, float* differences, double* sums);

// The sum alone.
double Match(const uint32_t* x_keys, const uint32_t* y_keys, int64_t padded);

// Rows of differences, `stride` apart, and the directions that they are of.
struct GradientTerms {
  const float* differences = nullptr;
  int64_t stride = 0;
  const float* directions = nullptr;
  int64_t count = 0;
  int64_t dimension = 0;
};

// Adds Σ_r differences[r * stride + point] * directions[r * dimension + k] to panels [first, last) of `gradient`, or, where it is `fresh`,
// writes it there; the sum over the rows runs in order of r.
void AccumulateGradient(const GradientTerms& terms, int64_t first, int64_t last, bool fresh, float* gradient);

}  // namespace sliceflow::kernels
