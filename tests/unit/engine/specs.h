// Small specs that tests of the engine start from.
#pragma once

#include <vector>

#include "server/engine/flow_spec.h"

namespace sliceflow::engine::testing {

inline std::vector<double> Identity(int dimension, double scale = 1) {
  std::vector<double> matrix(static_cast<size_t>(dimension) * static_cast<size_t>(dimension), 0.0);
  for (int i = 0; i < dimension; ++i) matrix[static_cast<size_t>(i) * static_cast<size_t>(dimension + 1)] = scale;
  return matrix;
}

inline std::vector<double> Repeat(int count, double value) { return std::vector<double>(static_cast<size_t>(count), value); }

inline Gaussian StandardGaussian(int dimension) { return {.mean = Repeat(dimension, 0), .covariance = Identity(dimension)}; }

inline InnerMinimisation QuickMinimisation() {
  return {.iterations = 40, .batch_size = 128, .optimizer = AdamOptions{.learning_rate = 0.01}, .max_attempts = 2};
}

// A solver that takes little time and is accurate enough for tests that ask for what holds of every step.
inline SwJkoSolver QuickSolver() { return {.inner = QuickMinimisation(), .num_projections = 50}; }

// A generator of the plane from noise of the plane: a linear map and one layer of 16 units.
inline GeneratorModel SmallGenerator() {
  return {.source = "def generator(z, a, w, b, v):\n    return z @ a + torch.tanh(z @ w + b) @ v\n",
          .noise_dimension = 2,
          .parameters = {{{2, 2}, 1}, {{2, 16}, 1}, {{16}, 1}, {{16, 2}, 0.1}}};
}

// Ornstein–Uhlenbeck from the standard Gaussian towards N(1, ½ I), Wasserstein step 0.1.
inline FlowSpec OrnsteinUhlenbeckSpec(int dimension) {
  FlowSpec spec;
  spec.dimension = dimension;
  spec.initial = StandardGaussian(dimension);
  spec.terms = {{1, QuadraticPotential{.center = Repeat(dimension, 1), .precision = Identity(dimension, 2)}}, {1, EntropyTerm{}}};
  spec.solver = QuickSolver();
  spec.model = RealNvpModel{.couplings = 2, .hidden_width = 16};
  spec.sliced_step_size = 0.1 / dimension;
  spec.num_steps = 3;
  spec.seed = 7;
  return spec;
}

// Aggregation of particles in the plane by |z|⁴/4 − |z|²/2.
inline FlowSpec RingSpec(int64_t count) {
  FlowSpec spec;
  spec.dimension = 2;
  spec.initial = StandardGaussian(2);
  spec.terms = {{1, PowerLawInteraction{}}};
  spec.solver = QuickSolver();
  spec.model = ParticlesModel{.count = count};
  spec.sliced_step_size = 0.05;
  spec.num_steps = 3;
  spec.seed = 7;
  return spec;
}

}  // namespace sliceflow::engine::testing
