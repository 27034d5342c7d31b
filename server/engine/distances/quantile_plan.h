// Optimal transport between sorted points on the line.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace sliceflow::engine {

// The monotone plan between n points of mass 1/n and m points of mass 1/m, both in ascending order: `mass[k]` goes from point `from[k]` to
// point `to[k]`. At most n + m − 1 entries, exact: the two cumulative masses are merged in whole numbers. It is optimal for every cost
// |x − y|^p with p ≥ 1.
struct QuantilePlan {
  at::Tensor from;  // int64
  at::Tensor to;    // int64
  at::Tensor mass;  // double
};
QuantilePlan MergeQuantiles(int64_t n, int64_t m);

}  // namespace sliceflow::engine
