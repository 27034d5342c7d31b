// Sums of a radial kernel over pairs of points, which interactions and MMD share.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/functionals/radial_kernel.h"

namespace sliceflow::engine {

struct PairSums {
  at::Tensor values;     // n: Σⱼ W(xᵢ − yⱼ)
  at::Tensor gradients;  // n × d: Σⱼ ∇W(xᵢ − yⱼ); undefined when not asked for
  int64_t partners = 0;  // how many j there are for each i
  // Standard error of the mean of W over pairs that comes from the choice of pairs, 0 where all count.
  double choice_error = 0;
};

// Which of the pairs (i, j) count.
enum class Pairs {
  kAll,
  kDistinct,  // x and y are the same points, and i = j is left out
};

// Over the rows of x (n × d) and y (m × d), outside any graph. Works in tiles of rows of x: time O(n m d), memory O((n + m) d) and one tile.
PairSums SumOverPairs(const RadialKernel& kernel, const at::Tensor& x, const at::Tensor& y, Pairs pairs, bool with_gradient);

// Over pairs of different rows of x in a random balanced design: the rows are shuffled into a circle, and each meets those that stand
// `rounds` different random distances to its left and to its right, so that `partners` is 2 `rounds`. Any two rows are equally likely to
// meet: means over partners are unbiased estimates of means over all. Their error is told as that of independent pairs, which is a little more.
// Needs 1 ≤ rounds < n. Time O(rounds n d), memory O(n d).
PairSums SumOverRandomPairs(const RadialKernel& kernel, const at::Tensor& x, int64_t rounds, at::Generator& random, bool with_gradient);

}  // namespace sliceflow::engine
