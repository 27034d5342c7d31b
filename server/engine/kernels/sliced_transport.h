// Sliced transport: value and gradient of SW2² between two weighted point clouds, by sorting. Spans in, spans out.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace sliceflow::kernels {

// A point cloud. `points` is row-major, count × dimension, finite. `weights` is empty (all equal) or has `count` entries ≥ 0 with a
// positive sum, which are divided by it. Views only: the caller keeps the memory.
struct PointCloud {
  absl::Span<const float> points;
  int64_t count = 0;
  absl::Span<const float> weights = {};
};

struct SlicedValue {
  double value = 0;           // (1/L) Σ_θ W2²(θ♯x, θ♯y)
  double standard_error = 0;  // over directions; 0 when there is one
};

// One term of a sum of distances: weight · SW2²(x, cloud).
struct SlicedTarget {
  PointCloud cloud;
  double weight = 1;  // of either sign, finite as a float
};

// The most targets that one call can have; a scheme of second order in time has two.
inline constexpr int kMostTargets = 2;

// The most that one evaluator is asked for; all its memory is taken when it is made.
struct SlicedTransportShape {
  int64_t max_x = 0;
  int64_t max_y = 0;
  int dimension = 0;
  int64_t max_directions = 0;
  int max_targets = 1;  // of EvaluateSum, 1 to kMostTargets; each costs room for one more cloud of max_y points
};

// Value and gradient of SW2²(x, y) = E_θ[W2²(θ♯x, θ♯y)] over given unit directions (method: Rabin et al. 2012; Bonneel et al. 2015).
// ∂/∂x_i = (2/L) Σ_θ Σ_j π^θ_ij (⟨θ,x_i⟩ − ⟨θ,y_j⟩) θ, π^θ the monotone plan of the direction (weights included); where projections tie
// the order is that of the points, so the gradient is one of the subgradients and always the same.
// One evaluator serves one thread at a time. Results do not depend on the number of threads.
class SlicedTransport {
 public:
  explicit SlicedTransport(const SlicedTransportShape& shape) : shape_(shape) {}
  virtual ~SlicedTransport() = default;

  // `directions` is row-major, L × dimension, each of unit length. `gradient` is empty (value only) or takes count × dimension entries,
  // overwritten. `x.count` and `y.count` are at least 1. InvalidArgument when sizes do not fit each other or the shape.
  virtual absl::StatusOr<SlicedValue> Evaluate(const PointCloud& x, const PointCloud& y, absl::Span<const float> directions,
                                               absl::Span<float> gradient) = 0;

  // Several distances from one x: values[j] takes SW2²(x, targets[j].cloud), without its weight, and `gradient`, empty or overwritten as
  // above, that of Σ_j weight_j SW2²(x, cloud_j). `values` has an entry a target. With one target of weight 1 the same bits as Evaluate;
  // with two, what Evaluate gives for each but for rounding. InvalidArgument as above, and when there are no targets, more than the shape
  // allows, or a weight that is not finite; gradient and values are then anything.
  //
  // Here one Evaluate a target. The first call with two targets and a gradient takes a second gradient's memory, which is kept.
  virtual absl::Status EvaluateSum(const PointCloud& x, absl::Span<const SlicedTarget> targets, absl::Span<const float> directions,
                                   absl::Span<float> gradient, absl::Span<SlicedValue> values);

 protected:
  const SlicedTransportShape& shape() const { return shape_; }

 private:
  const SlicedTransportShape shape_;
  std::vector<float> term_;  // gradient of one target among several
};

// The plain version: one direction at a time, stable sorts, double accumulation. Slow, obviously right: the reference of the tests.
std::unique_ptr<SlicedTransport> MakeReferenceSlicedTransport(const SlicedTransportShape& shape);

// The fast processor version: projections by matrix product, packed 64-bit keys (projection | index) sorted by Highway's vqsort, matched
// differences scattered back by matrix product; parallel over directions on `threads` threads (≥ 1). EvaluateSum projects and sorts x once
// for all targets and takes one product for their gradients. Nothing is allocated in either.
std::unique_ptr<SlicedTransport> MakeCpuSlicedTransport(const SlicedTransportShape& shape, int threads);

}  // namespace sliceflow::kernels
