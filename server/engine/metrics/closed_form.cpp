#include "server/engine/metrics/closed_form.h"

#include <limits>
#include <variant>

#include <ATen/ATen.h>

namespace sliceflow::engine {

GaussianLaw OrnsteinUhlenbeck(const GaussianLaw& initial, const QuadraticPotential& potential, double potential_weight,
                              double entropy_weight, double time) {
  const Eigen::VectorXd b = ToVector(potential.center);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(potential_weight * ToMatrix(potential.precision, static_cast<int>(b.size())));
  const Eigen::MatrixXd& basis = eigen.eigenvectors();
  const Eigen::ArrayXd rates = eigen.eigenvalues().array();
  const Eigen::MatrixXd decay = basis * (-time * rates).exp().matrix().asDiagonal() * basis.transpose();
  const Eigen::ArrayXd grown = entropy_weight * (1 - (-2 * time * rates).exp()) / rates;
  return {.mean = b + decay * (initial.mean - b),
          .covariance = decay * initial.covariance * decay + basis * grown.matrix().asDiagonal() * basis.transpose()};
}

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

ClosedForm::ClosedForm(const FlowSpec& spec) {
  const auto& gaussian = std::get<Gaussian>(spec.initial);
  initial_ = {.mean = ToVector(gaussian.mean), .covariance = ToMatrix(gaussian.covariance, spec.dimension)};
  for (const WeightedTerm& term : spec.terms) {
    if (const auto* quadratic = std::get_if<QuadraticPotential>(&term.term)) {
      potential_ = *quadratic;
      potential_weight_ = term.weight;
    } else {
      entropy_weight_ = term.weight;
    }
  }
}

std::vector<Metric> ClosedForm::Compute(const at::Tensor& x, double wasserstein_time) const {
  const Moments fitted = MomentsOf(x);
  const GaussianLaw exact = OrnsteinUhlenbeck(initial_, potential_, potential_weight_, entropy_weight_, wasserstein_time);
  return {{"closed_form_symmetric_kl", SymmetricKl({fitted.mean, fitted.covariance}, exact), 0}};
}

}  // namespace sliceflow::engine
