// F(ρ) = ½ SW2²(ρ, ν), ν the empirical distribution of a data set.
#pragma once

#include <cstdint>

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"
#include "server/engine/sliced_distance.h"

namespace sliceflow::engine {

// Iterations take all rows where they are no more than `batch_size`, otherwise that many different ones at random; evaluations take up to
// kThoroughRows. Directions are drawn anew for each evaluation of the term.
class SlicedWassersteinFunctional final : public Functional {
 public:
  static constexpr int64_t kThoroughRows = 8192;

  SlicedWassersteinFunctional(const SlicedWassersteinTerm& spec, int64_t batch_size);
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  TablePtr table_;
  at::Tensor rows_;
  int64_t num_projections_;
  int64_t batch_size_;
  SlicedDistance distance_;
};

}  // namespace sliceflow::engine
