// The Fréchet distance between features of samples (Heusel et al. 2017).
#pragma once

#include <ATen/core/Tensor.h>

#include "absl/status/statusor.h"
#include "server/engine/distance.h"
#include "server/engine/estimate.h"

namespace sliceflow::engine {

// W2² between the Gaussian fits of the features of float samples, n × d and m × d, with its first-order standard error over samples.
// O((n + m) k² + k³) for k features, and the features' own cost, in pieces of bounded memory. InvalidArgument for features that
// CheckFeatures refuses or that are not finite at a sample.
absl::StatusOr<Estimate> FrechetOfFeatures(const FrechetDistance& spec, const at::Tensor& x, const at::Tensor& y);

}  // namespace sliceflow::engine
