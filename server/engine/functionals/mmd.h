// F(ρ) = ½ MMD²(ρ, ν), ν the law that the rows of a data set are samples of (Gretton et al. 2012).
#pragma once

#include <cstdint>
#include <memory>

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"
#include "server/engine/functionals/radial_kernel.h"

namespace sliceflow::engine {

// The median distance between different rows, of up to 1000 rows chosen by `seed`; 1 where all of them are equal.
double MedianDistance(const Table& table, uint64_t seed);

// The unbiased U-statistic ½ (mean_{i≠j} k(xᵢ, xⱼ) − 2 mean k(xᵢ, yⱼ) + mean_{i≠j} k(yᵢ, yⱼ)); the first mean is 0 for a single sample.
// Iterations draw up to `batch_size` rows; evaluations take up to kThoroughRows of them, chosen once by `seed`, and the last mean, which is
// a constant, is that of those. Time O(n² + n rows), in tiles of constant memory. Distances below 1e-6 count as 1e-6.
class MmdFunctional final : public Functional {
 public:
  static constexpr int64_t kThoroughRows = 4096;

  // Shares `table`, which has at least two rows.
  MmdFunctional(TablePtr table, std::unique_ptr<const RadialKernel> kernel, int64_t batch_size, uint64_t seed);
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  TablePtr table_;
  std::unique_ptr<const RadialKernel> kernel_;
  int64_t batch_size_;
  at::Tensor rows_;
  at::Tensor thorough_rows_;
  double rows_mean_;  // mean_{i≠j} k(yᵢ, yⱼ)
};

}  // namespace sliceflow::engine
