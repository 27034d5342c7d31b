// Gaussians fitted to samples, and how far figures of them vary with the samples.
#pragma once

#include <ATen/core/Tensor.h>

#include "server/engine/distances/gaussian_law.h"
#include "server/engine/distances/operand.h"
#include "server/engine/estimate.h"

namespace sliceflow::engine {

// Mean and covariance of one side: exact where they are known, else those of its samples (divided by n).
struct GaussianFit {
  GaussianLaw law;
  at::Tensor samples;  // undefined where the law is exact
};
GaussianFit FitGaussian(const Side& side, const at::Tensor& samples);

// The gradient of a figure of a fit in its mean and its (symmetric) covariance.
struct FitGradient {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
};

// Variance over samples of a figure with that gradient, to first order (the infinitesimal jackknife): the variance of
// ⟨g, x − m⟩ + (x − m)ᵀ G (x − m), divided by n. 0 for an exact law.
double FitVariance(const GaussianFit& fit, const FitGradient& gradient);

}  // namespace sliceflow::engine
