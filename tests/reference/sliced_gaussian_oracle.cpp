#include "tests/reference/sliced_gaussian_oracle.h"

#include <cmath>
#include <random>

namespace sliceflow::reference {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Symmetric matrices as vectors of their lower triangle; off-diagonal entries count twice in inner products.
VectorXd Pack(const MatrixXd& symmetric) {
  const Eigen::Index d = symmetric.rows();
  VectorXd packed(d * (d + 1) / 2);
  Eigen::Index at = 0;
  for (Eigen::Index i = 0; i < d; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) packed(at++) = (i == j ? 1 : 2) * symmetric(i, j);
  }
  return packed;
}

MatrixXd Unpack(const VectorXd& packed, Eigen::Index d) {
  MatrixXd symmetric(d, d);
  Eigen::Index at = 0;
  for (Eigen::Index i = 0; i < d; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) symmetric(i, j) = symmetric(j, i) = packed(at++);
  }
  return symmetric;
}

VectorXd Deviations(const MatrixXd& covariance, const MatrixXd& directions) {
  return ((directions * covariance).cwiseProduct(directions)).rowwise().sum().cwiseMax(0).cwiseSqrt();
}

// The part of the objective that depends on Σ; infinite where Σ is not positive definite.
double Objective(const MatrixXd& covariance, const VectorXd& before, const MatrixXd& A, double tau, const MatrixXd& directions) {
  const Eigen::LLT<MatrixXd> factor(covariance);
  if (factor.info() != Eigen::Success) return INFINITY;
  const double log_determinant = 2 * MatrixXd(factor.matrixL()).diagonal().array().log().sum();
  const double moved = (Deviations(covariance, directions) - before).squaredNorm() / static_cast<double>(directions.rows());
  return moved / (2 * tau) + 0.5 * (A * covariance).trace() - 0.5 * log_determinant;
}

// The Newton direction at Σ, as a symmetric matrix. ∂s/∂Σ = θθᵀ/(2s).
MatrixXd NewtonDirection(const MatrixXd& covariance, const VectorXd& before, const MatrixXd& A, double tau, const MatrixXd& directions) {
  const Eigen::Index d = covariance.rows();
  const Eigen::Index size = d * (d + 1) / 2;
  const VectorXd s = Deviations(covariance, directions);
  const MatrixXd inverse = covariance.inverse();
  const double share = 1 / (2 * tau * static_cast<double>(directions.rows()));
  MatrixXd gradient = 0.5 * (A - inverse);
  MatrixXd hessian = MatrixXd::Zero(size, size);
  for (Eigen::Index i = 0; i < directions.rows(); ++i) {
    const MatrixXd outer = directions.row(i).transpose() * directions.row(i);
    gradient += share * (1 - before(i) / s(i)) * outer;
    const VectorXd packed = Pack(outer);
    hessian.selfadjointView<Eigen::Lower>().rankUpdate(packed, share * before(i) / (2 * std::pow(s(i), 3)));
  }
  for (Eigen::Index j = 0; j < size; ++j) {
    const MatrixXd unit = Unpack(VectorXd::Unit(size, j), d);
    hessian.col(j).tail(size - j) += 0.5 * Pack(inverse * unit * inverse).tail(size - j);
  }
  const VectorXd step = MatrixXd(hessian.selfadjointView<Eigen::Lower>()).ldlt().solve(-Pack(gradient));
  return Unpack(step, d);
}

}  // namespace

MatrixXd SphereQuadrature(int dimension, int least_count, uint64_t seed) {
  if (dimension == 2) {
    MatrixXd directions(least_count, 2);
    for (int i = 0; i < least_count; ++i) {
      const double angle = M_PI * (i + 0.5) / least_count;
      directions.row(i) << std::cos(angle), std::sin(angle);
    }
    return directions;
  }
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  const int frames = (least_count + dimension - 1) / dimension;
  MatrixXd directions(frames * dimension, dimension);
  for (int i = 0; i < frames; ++i) {
    const MatrixXd gaussian = MatrixXd::NullaryExpr(dimension, dimension, [&] { return normal(random); });
    directions.middleRows(i * dimension, dimension) = MatrixXd(gaussian.householderQr().householderQ());
  }
  return directions;
}

GaussianLaw SlicedGaussianStep(const GaussianLaw& before, const MatrixXd& A, const VectorXd& b, double tau, const MatrixXd& directions) {
  const Eigen::Index d = A.rows();
  const double wasserstein = tau * static_cast<double>(d);
  GaussianLaw after = before;
  after.mean = (MatrixXd::Identity(d, d) + wasserstein * A).ldlt().solve(before.mean + wasserstein * A * b);
  const VectorXd before_deviations = Deviations(before.covariance, directions);
  for (int iteration = 0; iteration < 50; ++iteration) {
    const MatrixXd direction = NewtonDirection(after.covariance, before_deviations, A, tau, directions);
    const double value = Objective(after.covariance, before_deviations, A, tau, directions);
    double length = 1;
    while (length > 1e-8 && Objective(after.covariance + length * direction, before_deviations, A, tau, directions) > value) length *= 0.5;
    after.covariance += length * direction;
    if (length * direction.norm() < 1e-10) break;
  }
  return after;
}

GaussianLaw OrnsteinUhlenbeckLaw(const GaussianLaw& start, const MatrixXd& A, const VectorXd& b, double time) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(A);
  const MatrixXd& basis = eigen.eigenvectors();
  const VectorXd decay = (-time * eigen.eigenvalues()).array().exp();
  const VectorXd grown = (1 - decay.array().square()) / eigen.eigenvalues().array();
  const MatrixXd flow = basis * decay.asDiagonal() * basis.transpose();
  return {.mean = b + flow * (start.mean - b),
          .covariance = flow * start.covariance * flow + basis * grown.asDiagonal() * basis.transpose()};
}

GaussianLaw ClassicGaussianFlow(const MatrixXd& A, const VectorXd& b, double tau, int steps, int order) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(A);
  const Eigen::ArrayXd rates = eigen.eigenvalues().array();
  const Eigen::ArrayXd center = (eigen.eigenvectors().transpose() * b).array();
  Eigen::ArrayXd mean = Eigen::ArrayXd::Zero(b.size());
  Eigen::ArrayXd deviation = Eigen::ArrayXd::Ones(b.size());
  Eigen::ArrayXd mean_before = mean;
  Eigen::ArrayXd deviation_before = deviation;
  const auto advance = [&](double step, bool second) {
    // BDF2 completes the square: from (4 q_k − q_{k−1})/3 with 2τ/3.
    const double share = second ? 1.0 / 3 : 0;
    const double length = second ? 2 * step / 3 : step;
    const Eigen::ArrayXd mean_from = mean + share * (mean - mean_before);
    const Eigen::ArrayXd deviation_from = deviation + share * (deviation - deviation_before);
    mean_before = mean;
    deviation_before = deviation;
    const Eigen::ArrayXd leading = 1 + length * rates;
    mean = (mean_from + length * rates * center) / leading;
    deviation = (deviation_from + (deviation_from.square() + 4 * length * leading).sqrt()) / (2 * leading);
  };
  for (int step = 0; step < steps; ++step) {
    if (order == 1 || step > 0) {
      advance(tau, order == 2);
      continue;
    }
    const Eigen::ArrayXd mean_at_start = mean, deviation_at_start = deviation;
    advance(tau / 2, /*second=*/false);
    advance(tau / 2, /*second=*/true);
    mean_before = mean_at_start;
    deviation_before = deviation_at_start;
  }
  const MatrixXd& basis = eigen.eigenvectors();
  return {.mean = basis * mean.matrix(), .covariance = basis * deviation.square().matrix().asDiagonal() * basis.transpose()};
}

double SymmetricDivergence(const GaussianLaw& p, const GaussianLaw& q) {
  const MatrixXd p_inverse = p.covariance.inverse();
  const MatrixXd q_inverse = q.covariance.inverse();
  const VectorXd apart = p.mean - q.mean;
  const double traces = (p_inverse * q.covariance).trace() + (q_inverse * p.covariance).trace();
  return 0.5 * (traces + apart.dot((p_inverse + q_inverse) * apart)) - static_cast<double>(apart.size());
}

GaussianLaw FitGaussian(const std::vector<float>& samples, int dimension) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Index count = static_cast<Eigen::Index>(samples.size()) / dimension;
  const MatrixXd x = Eigen::Map<const RowMajor>(samples.data(), count, dimension).cast<double>();
  const VectorXd mean = x.colwise().mean();
  const MatrixXd centred = x.rowwise() - mean.transpose();
  return {.mean = mean, .covariance = centred.transpose() * centred / static_cast<double>(count)};
}

}  // namespace sliceflow::reference
