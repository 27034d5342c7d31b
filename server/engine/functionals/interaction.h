// F(ρ) = ½ ∬ W(x − y) dρ dρ with a radial kernel W.
#pragma once

#include <cstdint>
#include <memory>

#include "server/engine/functionals/functional.h"
#include "server/engine/functionals/pair_sums.h"

namespace sliceflow::engine {

// Over pairs of distinct samples (a U-statistic): ½ mean_{i≠j} W(xᵢ − xⱼ), 0 for a single sample. Over all of them in O(n²) time, or over
// `random_pairs` of them or a few more in a balanced random design; memory is O(n) either way. Distances below 1e-6 count as 1e-6.
class InteractionFunctional final : public Functional {
 public:
  // Partners of every sample in a thorough evaluation by random pairs, at least.
  static constexpr int64_t kThoroughPartners = 64;

  // `random_pairs` 0: all pairs.
  InteractionFunctional(std::unique_ptr<const RadialKernel> kernel, int64_t random_pairs);
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  PairSums Sums(const at::Tensor& x, const TermDraw& draw) const;

  std::unique_ptr<const RadialKernel> kernel_;
  int64_t random_pairs_;
};

}  // namespace sliceflow::engine
