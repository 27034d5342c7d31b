// Random Ornstein–Uhlenbeck problems and runs of them, measured against the oracle and the closed form.
#pragma once

#include <cstdint>
#include <map>

#include "server/engine/flow_spec.h"
#include "tests/reference/sliced_gaussian_oracle.h"

namespace sliceflow::reference {

// F = ∫½(x−b)ᵀA(x−b)dρ + ∫ρ log ρ from N(0, I): A has a random basis and eigenvalues uniform in [.5, 3], b is standard normal.
struct OrnsteinUhlenbeckProblem {
  Eigen::MatrixXd A;
  Eigen::VectorXd b;
};
OrnsteinUhlenbeckProblem RandomProblem(int dimension, uint64_t seed);

// The problem as a flow with Wasserstein step size `step_size`.
engine::FlowSpec SpecOf(const OrnsteinUhlenbeckProblem& problem, double step_size, int num_steps, const engine::SolverSpec& solver,
                        const engine::ModelSpec& model, uint64_t seed);

// Symmetric KL of the Gaussian fitted to 100,000 samples.
struct Distances {
  double to_oracle = 0;
  double to_closed_form = 0;
  double to_stationary = 0;
};

// Runs the flow and the oracle side by side; the distances at the steps of `spec` listed in `steps`. Prints one line for each.
std::map<int, Distances> RunAgainstOracle(const OrnsteinUhlenbeckProblem& problem, const engine::FlowSpec& spec,
                                          const std::vector<int>& steps);

}  // namespace sliceflow::reference
