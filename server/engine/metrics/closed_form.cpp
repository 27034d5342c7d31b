#include "server/engine/metrics/closed_form.h"

#include <variant>

#include <ATen/ATen.h>

#include "server/engine/dense.h"
#include "server/engine/distances/gaussian_symmetric_kl.h"

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

std::vector<Metric> ClosedForm::Compute(const Batch& batch, double wasserstein_time) const {
  const Moments fitted = MomentsOf(batch.x);
  const GaussianLaw exact = OrnsteinUhlenbeck(initial_, potential_, potential_weight_, entropy_weight_, wasserstein_time);
  return {{"closed_form_symmetric_kl", SymmetricKl({fitted.mean, fitted.covariance}, exact), 0}};
}

}  // namespace sliceflow::engine
