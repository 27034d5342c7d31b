// What is reported of a state: energies, distances and the energy inequality on a batch that is the same at every step.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/flow.h"
#include "server/engine/functionals/registry.h"
#include "server/engine/initial/initial.h"
#include "server/engine/models/model.h"
#include "server/engine/sliced_distance.h"
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

// Uses the same noise, directions and rows for every state (common random numbers), so that differences between states are far more exact
// than the values. Borrows model and terms, which must outlive it.
class Evaluator {
 public:
  static constexpr int64_t kBatch = 4096;

  Evaluator(const Model& model, std::vector<Term>& terms, int dimension, int64_t num_projections, uint64_t seed);

  // The batch at `parameters`, outside any graph.
  Batch BatchAt(const at::Tensor& parameters) const;

  Energy EnergyOf(const Batch& batch);

  // Standard error of a state's energy; exact models have none from samples.
  double StandardError(const Energy& energy) const;

  // SW2² between two states' batches.
  SlicedDistance::Result Distance(const Batch& now, const Batch& before);

  // The inequality between the state before and the state now with sliced step size τ. Samples are paired, so that their error is that of
  // the difference; the errors of directions are added as if independent, which can only overstate them.
  EnergyInequality Inequality(const Energy& before, const Energy& now, const SlicedDistance::Result& distance, double tau) const;

 private:
  const Model& model_;
  std::vector<Term>& terms_;
  uint64_t seed_;
  Noise noise_;
  at::Tensor directions_;
  SlicedDistance distance_;
};

// The first cause for a batch not to be usable (not finite, further than `limit` from the origin), if any.
std::optional<Divergence> CheckBatch(const Batch& batch, double limit);

}  // namespace sliceflow::engine
