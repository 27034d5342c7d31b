// The oracle for SW-JKO: the sliced flow restricted to Gaussians, solved without samples, networks or LibTorch; and what it is compared
// with, the process of Ornstein and Uhlenbeck and the classic scheme for it.
#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <vector>

namespace sliceflow::reference {

struct GaussianLaw {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
};

// Unit directions, one a row, that stand for the uniform law on the sphere: equally spaced angles for d = 2, otherwise random orthonormal
// frames, whose second moments are those of the sphere exactly.
Eigen::MatrixXd SphereQuadrature(int dimension, int least_count, uint64_t seed);

// One step of SW-JKO with sliced step size τ for F = ∫½(x−b)ᵀA(x−b)dρ + ∫ρ log ρ, among Gaussians. The objective
//   E_θ[(s(θ) − s_k(θ))²]/(2τ) + |m − m_k|²/(2τd) + ½ tr AΣ + ½(m−b)ᵀA(m−b) − ½ log det Σ,   s(θ)² = θᵀΣθ,
// splits into m, which is linear, and Σ, in which it is convex; Σ by Newton's method. Its critical point is one of the whole problem.
GaussianLaw SlicedGaussianStep(const GaussianLaw& before, const Eigen::MatrixXd& A, const Eigen::VectorXd& b, double tau,
                               const Eigen::MatrixXd& directions);

// The law of the Ornstein–Uhlenbeck process dX = −A(X−b)dt + √2 dB at time t.
GaussianLaw OrnsteinUhlenbeckLaw(const GaussianLaw& start, const Eigen::MatrixXd& A, const Eigen::VectorXd& b, double time);

// `steps` steps of the classic scheme, ρ_{k+1} = argmin W2²(ρ, ρ_k)/(2τ) + F(ρ), of order 1, or of variational BDF2, of order 2 with a first
// step in two halves, of which one is of order 1 (Matthes & Plazotta 2019), from N(0, I). All covariances commute with A then, so that in its
// basis every deviation σ is on its own: (σ − σ_k)/τ + aσ − 1/σ = 0, which is a quadratic equation. Exact.
GaussianLaw ClassicGaussianFlow(const Eigen::MatrixXd& A, const Eigen::VectorXd& b, double tau, int steps, int order);

// KL(p‖q) + KL(q‖p).
double SymmetricDivergence(const GaussianLaw& p, const GaussianLaw& q);

// Mean and covariance of row-major samples.
GaussianLaw FitGaussian(const std::vector<float>& samples, int dimension);

}  // namespace sliceflow::reference
