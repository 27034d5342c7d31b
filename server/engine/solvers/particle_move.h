// What solvers that move particles share: the drift that the functional gives them, and the report of a step.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

// F at particles, its entropy left out, and the velocity of its gradient flow.
struct Drift {
  double value = 0;
  at::Tensor velocity;                   // −n ∂F/∂xᵢ, n × d
  at::Tensor per_sample;                 // n, double: Σ_j c_j V_j(xᵢ); undefined where a term has no values of samples
  std::optional<Divergence> divergence;  // the first term whose value is not finite; the rest is complete all the same
};

// `x`: float, n × d. `thorough`: without mini-batches of data.
Drift DriftOf(std::vector<Term>& terms, const at::Tensor& x, const at::Generator& random, bool thorough);

// Σ_j c_j over the entropies in the terms: particles feel it as noise of variance 2 · diffusion a unit of time.
double DiffusionOf(const std::vector<Term>& terms);

// The outcome of a step from `before` to particles `x`: energies, and the mean squared displacement as the distance.
StepOutcome ReportMove(const SolverContext& context, const Position& before, const at::Tensor& x);

}  // namespace sliceflow::engine
