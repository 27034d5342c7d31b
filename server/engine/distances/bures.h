// W2² between Gaussians: |m₁ − m₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁^{1/2} Σ₂ Σ₁^{1/2})^{1/2}) (Dowson & Landau 1982).
#pragma once

#include "server/engine/distances/gaussian_fit.h"

namespace sliceflow::engine {

// Of the laws themselves; covariances may be singular. O(d³).
double BuresSquared(const GaussianLaw& p, const GaussianLaw& q);

// Of the fits of two sides, with a standard error over samples. Fits of n samples alone add a bias of order d²/n.
Estimate Bures(const GaussianFit& p, const GaussianFit& q);

}  // namespace sliceflow::engine
