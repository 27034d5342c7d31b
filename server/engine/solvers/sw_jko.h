// SW-JKO: ρ_{k+1} = argmin SW2²(ρ, ρ_k)/(2τ) + F(ρ) (Bonet et al. 2022, equation 10).
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "absl/functional/function_ref.h"
#include "common/stop_latch.h"
#include "server/engine/flow_spec.h"
#include "server/engine/functionals/registry.h"
#include "server/engine/initial/initial.h"
#include "server/engine/models/model.h"
#include "server/engine/sliced_distance.h"
#include "server/engine/solvers/minimise.h"

namespace sliceflow::engine {

// Borrows model and terms, which must outlive it. Not thread-safe.
class SwJko {
 public:
  // `limit`: the coordinate beyond which samples count as exploding.
  SwJko(const SwJkoSolver& spec, const Model& model, std::vector<Term>& terms, int dimension, double tau, double limit, uint64_t seed);

  // Minimises the step's objective for `inner_iterations` from `previous`, the parameters of ρ_k. Random numbers follow from
  // (seed, step, attempt); attempt a = 0, 1, … has a 3ᵃ-th of the learning rate: an attempt that ended above where it began, at ρ_k
  // itself, was thrown out by steps too large for the objective.
  Minimisation Attempt(int step, int attempt, const at::Tensor& previous, const StopLatch& stop,
                       absl::FunctionRef<void(int iteration, double value)> progress);

  // Parameters whose ρ is close to ρ₀ in SW2, from `start`: for models that cannot start there exactly.
  Minimisation Fit(const InitialDistribution& initial, const at::Tensor& start, const StopLatch& stop);

 private:
  ObjectiveValue Objective(const at::Tensor& leaf, const at::Tensor& previous, at::Generator& random);

  const SwJkoSolver spec_;
  const Model& model_;
  std::vector<Term>& terms_;
  int dimension_;
  double tau_;
  double limit_;
  uint64_t seed_;
  SlicedDistance distance_;
};

}  // namespace sliceflow::engine
