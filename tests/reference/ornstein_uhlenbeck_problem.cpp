#include "tests/reference/ornstein_uhlenbeck_problem.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "server/engine/flow.h"

namespace sliceflow::reference {
namespace {

constexpr int64_t kSamples = 100000;

std::vector<double> RowMajorOf(const Eigen::MatrixXd& symmetric) { return {symmetric.data(), symmetric.data() + symmetric.size()}; }

}  // namespace

OrnsteinUhlenbeckProblem RandomProblem(int dimension, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> eigenvalue(0.5, 3);
  const Eigen::MatrixXd gaussian = Eigen::MatrixXd::NullaryExpr(dimension, dimension, [&] { return normal(random); });
  const Eigen::MatrixXd basis = gaussian.householderQr().householderQ();
  const Eigen::VectorXd eigenvalues = Eigen::VectorXd::NullaryExpr(dimension, [&] { return eigenvalue(random); });
  OrnsteinUhlenbeckProblem problem;
  const Eigen::MatrixXd A = basis * eigenvalues.asDiagonal() * basis.transpose();
  problem.A = 0.5 * (A + A.transpose());
  problem.b = Eigen::VectorXd::NullaryExpr(dimension, [&] { return normal(random); });
  return problem;
}

engine::FlowSpec SpecOf(const OrnsteinUhlenbeckProblem& problem, double step_size, int num_steps, const engine::SolverSpec& solver,
                        const engine::ModelSpec& model, uint64_t seed) {
  const auto dimension = static_cast<int>(problem.b.size());
  engine::FlowSpec spec;
  spec.dimension = dimension;
  spec.initial = engine::Gaussian{.mean = std::vector<double>(problem.b.size(), 0.0),
                                  .covariance = RowMajorOf(Eigen::MatrixXd::Identity(dimension, dimension))};
  spec.terms = {{1, engine::QuadraticPotential{.center = {problem.b.begin(), problem.b.end()}, .precision = RowMajorOf(problem.A)}},
                {1, engine::EntropyTerm{}}};
  spec.solver = solver;
  spec.model = model;
  spec.sliced_step_size = step_size / dimension;
  spec.num_steps = num_steps;
  spec.seed = seed;
  return spec;
}

std::map<int, Distances> RunAgainstOracle(const OrnsteinUhlenbeckProblem& problem, const engine::FlowSpec& spec,
                                          const std::vector<int>& steps) {
  std::map<int, Distances> distances;
  const StopLatch stop;
  auto flow = engine::Flow::Create(spec, stop);
  EXPECT_TRUE(flow.ok()) << flow.status();
  if (!flow.ok()) return distances;
  const GaussianLaw start{.mean = Eigen::VectorXd::Zero(spec.dimension),
                          .covariance = Eigen::MatrixXd::Identity(spec.dimension, spec.dimension)};
  const GaussianLaw stationary{.mean = problem.b, .covariance = problem.A.inverse()};
  const Eigen::MatrixXd directions = SphereQuadrature(spec.dimension, 8000, 1);
  GaussianLaw oracle = start;
  for (int step = 1; step <= spec.num_steps; ++step) {
    const auto result = (*flow)->Step(stop, [](const engine::InnerProgress&) {});
    EXPECT_TRUE(result.ok() && !result->termination.has_value());
    oracle = SlicedGaussianStep(oracle, problem.A, problem.b, spec.sliced_step_size, directions);
    if (std::find(steps.begin(), steps.end(), step) == steps.end()) continue;
    const GaussianLaw fitted = FitGaussian((*flow)->Samples(kSamples, 99)->values, spec.dimension);
    const double time = result->report.wasserstein_time;
    Distances& here = distances[step];
    here.to_oracle = SymmetricDivergence(fitted, oracle);
    here.to_closed_form = SymmetricDivergence(fitted, OrnsteinUhlenbeckLaw(start, problem.A, problem.b, time));
    here.to_stationary = SymmetricDivergence(fitted, stationary);
    std::printf("d = %d  seed %d  t = %.2f  symmetric KL: to the oracle %.5f, to Ornstein-Uhlenbeck %.5f, to its stationary law %.5f\n",
                spec.dimension, static_cast<int>(spec.seed), time, here.to_oracle, here.to_closed_form, here.to_stationary);
  }
  return distances;
}

}  // namespace sliceflow::reference
