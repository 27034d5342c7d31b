// KL(p‖q) = E_p[log p − log q], for sides with densities.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/engine/distances/operand.h"
#include "server/engine/estimate.h"

namespace sliceflow::engine {

// The mean over samples of p, with its standard error over samples: unbiased, and never below 0 by more than that error. Infinite, with
// error 0, where q is 0 at a sample of p. FailedPrecondition for a side without a density; Internal where p is 0 at its own samples.
absl::StatusOr<Estimate> KlDivergence(const Side& p, const at::Tensor& p_samples, const Side& q);

// KL(p‖q) + KL(q‖p).
absl::StatusOr<Estimate> SymmetricKlDivergence(const Side& p, const at::Tensor& p_samples, const Side& q, const at::Tensor& q_samples);

}  // namespace sliceflow::engine
