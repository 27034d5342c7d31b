// MMD²(μ, ν) = E k(X, X′) + E k(Y, Y′) − 2 E k(X, Y) (Gretton et al. 2012), and the energy distance, which is the same with k = −|x − y|.
#pragma once

#include <ATen/core/Tensor.h>

#include "server/engine/estimate.h"

namespace sliceflow::engine {

// Both are unbiased U-statistics over all pairs of distinct float samples, n × d and m × d with n, m ≥ 2: they may be negative when the
// distributions are close. The standard error is over samples, by the first-order (Hájek) projection. O((n + m)² d) time, in tiles of
// bounded memory.

// k(x, y) = exp(−|x − y|² / (2 bandwidth²)).
Estimate GaussianMmd(const at::Tensor& x, const at::Tensor& y, double bandwidth);

// 2 E|X − Y| − E|X − X′| − E|Y − Y′| (Székely & Rizzo 2013).
Estimate EnergyDistanceOf(const at::Tensor& x, const at::Tensor& y);

// The median of |x − y| over pairs of distinct points of the first 500 samples of each side; 1 where it is 0.
double MedianBandwidth(const at::Tensor& x, const at::Tensor& y);

}  // namespace sliceflow::engine
