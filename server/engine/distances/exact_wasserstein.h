// W2²(μ, ν) between samples, exactly.
#pragma once

#include <ATen/core/Tensor.h>

#include "server/engine/estimate.h"

namespace sliceflow::engine {

// W2² between the empirical distributions of float samples, n × d and m × d. On the line by merged quantiles, whatever the sizes; in more
// dimensions n = m ≤ kMaxAssignedPoints, by an optimal assignment in O(n³) time and 8 n² bytes. The standard error is over samples: with
// optimal potentials φ, ψ the value varies around its mean like Var φ(X)/n + Var ψ(Y)/m (del Barrio & Loubes 2019). It does not cover the
// bias of empirical transport, of order n^{−2/d} in d > 4 dimensions.
Estimate ExactWasserstein(const at::Tensor& x, const at::Tensor& y);

}  // namespace sliceflow::engine
