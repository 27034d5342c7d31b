#include "server/engine/distances/gaussian_symmetric_kl.h"

#include <cmath>
#include <limits>

namespace sliceflow::engine {
namespace {

// ∂/∂m₁ and ∂/∂Σ₁; the other side's by symmetry, with `apart` turned round.
FitGradient GradientOfFirst(const Eigen::MatrixXd& p_inverse, const Eigen::MatrixXd& q_inverse, const Eigen::MatrixXd& q_covariance,
                            const Eigen::VectorXd& apart) {
  const Eigen::MatrixXd spread = q_covariance + apart * apart.transpose();
  return {(p_inverse + q_inverse) * apart, 0.5 * (q_inverse - p_inverse * spread * p_inverse)};
}

}  // namespace

// The log-determinants of both directions cancel.
double SymmetricKl(const GaussianLaw& p, const GaussianLaw& q) {
  const Eigen::LLT<Eigen::MatrixXd> p_factor(p.covariance);
  const Eigen::LLT<Eigen::MatrixXd> q_factor(q.covariance);
  if (p_factor.info() != Eigen::Success || q_factor.info() != Eigen::Success) return std::numeric_limits<double>::infinity();
  const Eigen::VectorXd apart = p.mean - q.mean;
  const double traces = p_factor.solve(q.covariance).trace() + q_factor.solve(p.covariance).trace();
  const double means = apart.dot(p_factor.solve(apart)) + apart.dot(q_factor.solve(apart));
  return 0.5 * (traces + means) - static_cast<double>(apart.size());
}

Estimate GaussianFitSymmetricKl(const GaussianFit& p, const GaussianFit& q) {
  const double value = SymmetricKl(p.law, q.law);
  if (!std::isfinite(value)) return {value, 0};
  const Eigen::Index d = p.law.mean.size();
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(d, d);
  const Eigen::MatrixXd p_inverse = p.law.covariance.llt().solve(identity);
  const Eigen::MatrixXd q_inverse = q.law.covariance.llt().solve(identity);
  const Eigen::VectorXd apart = p.law.mean - q.law.mean;
  const double variance = FitVariance(p, GradientOfFirst(p_inverse, q_inverse, q.law.covariance, apart)) +
                          FitVariance(q, GradientOfFirst(q_inverse, p_inverse, p.law.covariance, -apart));
  return {value, std::sqrt(variance)};
}

}  // namespace sliceflow::engine
