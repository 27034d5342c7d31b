// What is reported of a state: energies and the energy inequality on a batch that is the same at every step.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/estimate.h"
#include "server/engine/flow.h"
#include "server/engine/functionals/registry.h"
#include "server/engine/models/followed_batch.h"
#include "server/engine/models/model.h"
#include "server/engine/solvers/minimise.h"

namespace sliceflow::engine {

// F at one state.
struct Energy {
  double total = 0;
  std::vector<double> terms;  // cⱼ Fⱼ
  at::Tensor per_sample;      // n, double: the weighted per-sample values of all terms that have them; undefined when none has
  double other_variance = 0;  // variance from anything but the samples
  std::optional<Divergence> divergence;
};

// Uses the same noise and rows for every state (common random numbers), so that differences between states are far more exact
// than the values. Borrows model and terms, which must outlive it.
class Evaluator {
 public:
  static constexpr int64_t kBatch = 4096;

  Evaluator(const Model& model, std::vector<Term>& terms, uint64_t seed);

  // The batch at `parameters`, outside any graph.
  Batch BatchAt(const at::Tensor& parameters);

  Energy EnergyOf(const Batch& batch);

  // Standard error of a state's energy; exact models have none from samples.
  double StandardError(const Energy& energy) const;

  // J(ρ_k) − J(ρ_{k+1}) for J = penalty + F: energies before and now, and what the penalty grew by. Samples are paired, so that their error
  // is that of the difference; the errors of the penalty are added as if independent, which can only overstate them.
  EnergyInequality Inequality(const Energy& before, const Energy& now, const Estimate& penalty_growth) const;

 private:
  const Model& model_;
  std::vector<Term>& terms_;
  uint64_t seed_;
  FollowedBatch followed_;
};

// The first figure that is not a number, if any. Infinity is one: a divergence may be infinite.
std::optional<Divergence> CheckFigures(const std::vector<Metric>& figures);

// The first cause for a batch not to be usable (not finite, further than `limit` from the origin), if any.
std::optional<Divergence> CheckBatch(const Batch& batch, double limit);

}  // namespace sliceflow::engine
