#include "server/engine/distances/bures.h"

#include <algorithm>
#include <cmath>

namespace sliceflow::engine {
namespace {

constexpr double kSingular = 1e-12;  // of the largest eigenvalue: directions below it have no inverse

// f(Σ) for the square root, and for its inverse on the range of Σ.
struct Roots {
  Eigen::MatrixXd root;
  Eigen::MatrixXd inverse;

  explicit Roots(const Eigen::MatrixXd& matrix) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(matrix);
    const Eigen::ArrayXd values = eigen.eigenvalues().array().max(0).sqrt();
    const Eigen::MatrixXd& basis = eigen.eigenvectors();
    const double least = std::sqrt(kSingular) * values.maxCoeff();
    const Eigen::ArrayXd inverses = values.unaryExpr([&](double value) { return value > least ? 1 / value : 0; });
    root = basis * values.matrix().asDiagonal() * basis.transpose();
    inverse = basis * inverses.matrix().asDiagonal() * basis.transpose();
  }
};

double Value(const GaussianLaw& p, const GaussianLaw& q, const Eigen::MatrixXd& middle_root) {
  const double apart = (p.mean - q.mean).squaredNorm();
  return apart + std::max(0.0, p.covariance.trace() + q.covariance.trace() - 2 * middle_root.trace());
}

Eigen::MatrixXd Middle(const Roots& p, const GaussianLaw& q) { return p.root * q.covariance * p.root; }

}  // namespace

double BuresSquared(const GaussianLaw& p, const GaussianLaw& q) { return Value(p, q, Roots(Middle(Roots(p.covariance), q)).root); }

// The gradient of the value in Σ₁ is I − T, with T the matrix of the optimal map from p to q, and in Σ₂ the same of the map back.
Estimate Bures(const GaussianFit& p, const GaussianFit& q) {
  const Roots roots(p.law.covariance);
  const Roots middle(Middle(roots, q.law));
  const Eigen::MatrixXd map = roots.inverse * middle.root * roots.inverse;
  const Eigen::MatrixXd back = roots.root * middle.inverse * roots.root;
  const Eigen::VectorXd apart = p.law.mean - q.law.mean;
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(apart.size(), apart.size());
  const double variance = FitVariance(p, {2 * apart, identity - map}) + FitVariance(q, {-2 * apart, identity - back});
  return {Value(p.law, q.law, middle.root), std::sqrt(variance)};
}

}  // namespace sliceflow::engine
