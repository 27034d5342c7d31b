// One scheme: how ρ_{k+1} is found from ρ_k.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "absl/functional/function_ref.h"
#include "common/stop_latch.h"
#include "server/engine/evaluation.h"
#include "server/engine/functionals/registry.h"
#include "server/engine/models/model.h"
#include "server/engine/solvers/minimise.h"

namespace sliceflow::engine {

// All that a flow carries from one step to the next. Flat float tensors, outside any graph.
struct Position {
  at::Tensor parameters;  // the model's, of ρ_k
  at::Tensor memory;      // what the solver keeps besides; undefined where it keeps nothing
};

// What came of a step. Where `stopped` or `divergence` is set the rest is not.
struct StepOutcome {
  Position position;
  Energy energy;                               // of the new position
  Estimate distance;                           // D² from the position before, D the scheme's own distance
  std::optional<EnergyInequality> inequality;  // of schemes that minimise
  std::vector<Metric> figures;                 // of the scheme's own
  int inner_iterations = 0;
  double gradient_norm = 0;
  bool converged = true;
  bool stopped = false;
  std::optional<Divergence> divergence;
};

// Told of every inner iteration: how many the step will take as far as is known, and the inner objective.
using InnerCallback = absl::FunctionRef<void(int total_iterations, double value)>;

// What a scheme works on. Borrowed: all of it outlives the solver.
struct SolverContext {
  const FlowSpec& spec;
  const Model& model;
  std::vector<Term>& terms;
  Evaluator& evaluator;
  int dimension = 0;
  double sliced_step_size = 0;
  double limit = 0;  // the coordinate beyond which samples count as exploding
  uint64_t seed = 0;
};

// Not thread-safe. Random numbers of a step follow from (seed, step) alone, so that a resumed flow draws what an undisturbed one does.
class Solver {
 public:
  virtual ~Solver() = default;

  // Step number `step` ≥ 1, from `before`, which is not changed.
  virtual StepOutcome Step(int step, const Position& before, const StopLatch& stop, InnerCallback progress) = 0;

  // Entries of Position::parameters after `step` steps.
  virtual int64_t ParameterCount(int step) const = 0;
  // F at a position, of schemes that need no samples for it; others leave it to the evaluator.
  virtual std::optional<Energy> ExactEnergy(const Position& /*position*/) const { return std::nullopt; }

  // Entries of Position::memory after `step` steps.
  virtual int64_t MemorySize(int step) const = 0;
};

}  // namespace sliceflow::engine
