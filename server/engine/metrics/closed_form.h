// `closed_form_symmetric_kl`: distance to the law of the Ornstein–Uhlenbeck process.
#pragma once

#include <vector>

#include "server/engine/distances/gaussian_law.h"
#include "server/engine/metrics/metric.h"

namespace sliceflow::engine {

// The law at time t of the Wasserstein flow of c₁∫½(x−b)ᵀA(x−b)dρ + c₂∫ρ log ρ from `initial`, that is of dX = −c₁A(X−b)dt + √(2c₂) dB:
//   m_t = b + e^{−tc₁A}(m₀−b),  Σ_t = e^{−tc₁A} Σ₀ e^{−tc₁A} + (c₂/c₁) A⁻¹(I − e^{−2tc₁A}).
GaussianLaw OrnsteinUhlenbeck(const GaussianLaw& initial, const QuadraticPotential& potential, double potential_weight,
                              double entropy_weight, double time);

// Compares the Gaussian fitted to the samples. Finite samples alone add about d(d+3)/(2n).
class ClosedForm final : public StepMetric {
 public:
  // A spec of a Gaussian initial distribution and one quadratic potential and one entropy.
  explicit ClosedForm(const FlowSpec& spec);
  std::vector<Metric> Compute(const Batch& batch, double wasserstein_time) const override;

 private:
  GaussianLaw initial_;
  QuadraticPotential potential_;
  double potential_weight_ = 1;
  double entropy_weight_ = 1;
};

}  // namespace sliceflow::engine
