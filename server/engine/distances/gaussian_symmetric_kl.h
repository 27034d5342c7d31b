// KL(p‖q) + KL(q‖p) between Gaussians: ½ tr(Σ₁⁻¹Σ₂ + Σ₂⁻¹Σ₁) + ½ (m₁−m₂)ᵀ(Σ₁⁻¹ + Σ₂⁻¹)(m₁−m₂) − d.
#pragma once

#include "server/engine/distances/gaussian_fit.h"

namespace sliceflow::engine {

// Infinite where a covariance is singular. O(d³).
double SymmetricKl(const GaussianLaw& p, const GaussianLaw& q);

// Of the fits of two sides, with a standard error over samples. Fits of n samples alone add about d(d + 3)/(2n) each.
Estimate GaussianFitSymmetricKl(const GaussianFit& p, const GaussianFit& q);

}  // namespace sliceflow::engine
