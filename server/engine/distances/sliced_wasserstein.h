// SW_p^p(μ, ν) = E_θ[ W_p^p(θ♯μ, θ♯ν) ], θ uniform on the unit sphere (Rabin et al. 2012; Bonneel et al. 2015).
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/estimate.h"

namespace sliceflow::engine {

// Between float samples, n × d and m × d, of equal mass each; unequal sizes by merged quantiles, exactly. `order` is p, at least 1; p = 2
// is evaluated by the kernels, others by sorted projections in double. The standard error is over directions: 0 in one dimension, where one
// direction is exact. O(L (n + m) (d + log n)) time.
Estimate SlicedWasserstein(const at::Tensor& x, const at::Tensor& y, double order, int64_t num_projections, at::Generator& random);

}  // namespace sliceflow::engine
