// The oracle itself, against what is known without it.
#include "tests/reference/sliced_gaussian_oracle.h"

#include <gtest/gtest.h>

namespace sliceflow::reference {
namespace {

const Eigen::MatrixXd kA{{2.5, 0.3}, {0.3, 0.7}};
const Eigen::VectorXd kB{{1.7, 0.4}};

TEST(SlicedGaussianOracleTest, StationaryLawStays) {
  const GaussianLaw stationary{.mean = kB, .covariance = kA.inverse()};
  const GaussianLaw after = SlicedGaussianStep(stationary, kA, kB, 0.05, SphereQuadrature(2, 1000, 1));
  EXPECT_LE(SymmetricDivergence(after, stationary), 1e-12);
}

// The condition of the critical point, E[(1 − s_k/s) θθᵀ] = τ(Σ⁻¹ − A), evaluated with other directions than it was solved with.
TEST(SlicedGaussianOracleTest, StepSatisfiesItsOptimalityCondition) {
  const GaussianLaw start{.mean = Eigen::VectorXd::Zero(2), .covariance = Eigen::MatrixXd::Identity(2, 2)};
  const double tau = 0.05;
  const GaussianLaw after = SlicedGaussianStep(start, kA, kB, tau, SphereQuadrature(2, 1000, 1));
  const Eigen::MatrixXd directions = SphereQuadrature(2, 1777, 1);
  Eigen::MatrixXd mean = Eigen::MatrixXd::Zero(2, 2);
  for (Eigen::Index i = 0; i < directions.rows(); ++i) {
    const Eigen::VectorXd theta = directions.row(i);
    const double s = std::sqrt(theta.dot(after.covariance * theta));
    mean += (1 - 1 / s) * theta * theta.transpose() / static_cast<double>(directions.rows());
  }
  EXPECT_LE((mean - tau * (after.covariance.inverse() - kA)).norm(), 1e-8);
  EXPECT_LE((after.mean / 2 + tau * kA * (after.mean - kB)).norm(), 1e-12);
}

// For an isotropic problem the sliced and the Wasserstein flow agree: every direction moves alike. Implicit Euler then errs by O(step).
TEST(SlicedGaussianOracleTest, IsotropicProblemFollowsOrnsteinUhlenbeck) {
  const Eigen::MatrixXd A = 2 * Eigen::MatrixXd::Identity(4, 4);
  const Eigen::VectorXd b = Eigen::VectorXd::Constant(4, 1);
  const GaussianLaw start{.mean = Eigen::VectorXd::Zero(4), .covariance = Eigen::MatrixXd::Identity(4, 4)};
  const Eigen::MatrixXd directions = SphereQuadrature(4, 400, 1);
  GaussianLaw law = start;
  constexpr int kSteps = 500;
  for (int i = 0; i < kSteps; ++i) law = SlicedGaussianStep(law, A, b, 0.5 / kSteps / 4, directions);
  EXPECT_LE(SymmetricDivergence(law, OrnsteinUhlenbeckLaw(start, A, b, 0.5)), 1e-4);
}

}  // namespace
}  // namespace sliceflow::reference
