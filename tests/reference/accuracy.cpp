#include "tests/reference/accuracy.h"

#include <gtest/gtest.h>

#include "server/engine/flow.h"
#include "tests/reference/ornstein_uhlenbeck_problem.h"

namespace sliceflow::reference {

void ExpectCloseToOracle(int dimension, double tolerance) {
  engine::SetThreads(1);
  const engine::SwJkoSolver solver{.inner = {.iterations = 150, .batch_size = 512}, .num_projections = 100};
  const engine::RealNvpModel model{.couplings = 3, .hidden_width = 32};
  for (const int seed : {1, 2, 3}) {
    const OrnsteinUhlenbeckProblem problem = RandomProblem(dimension, seed);
    const auto distances = RunAgainstOracle(problem, SpecOf(problem, 0.1, 9, solver, model, seed), {5, 9});
    for (const auto& [step, distance] : distances) EXPECT_LE(distance.to_oracle, tolerance) << "seed " << seed << " step " << step;
    EXPECT_EQ(distances.size(), 2);
  }
}

}  // namespace sliceflow::reference
