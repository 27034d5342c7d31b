// What is known of sliced distances between Gaussians with the moments of two batches.
#pragma once

#include <ATen/core/Tensor.h>

namespace sliceflow::engine {

// The mean over `directions` (L × d) of W2² between the Gaussians with the moments of θ♯x and θ♯y: ⟨θ, m_x − m_y⟩² + (s_x(θ) − s_y(θ))². A
// differentiable scalar of the graphs of x and y, n × d and m × d. O(n d² + L d²).
at::Tensor GaussianSlices(const at::Tensor& x, const at::Tensor& y, const at::Tensor& directions);

// |m_x − m_y|²/d + (√(E|x − m_x|²/d) − √(E|y − m_y|²/d))²: SW2² where projections are close to Gaussian and equally wide in all directions,
// as they come to be in high dimension (Nadjahi et al. 2021, equation 9). A differentiable scalar; O(n d), no direction, nothing sorted.
at::Tensor Concentrated(const at::Tensor& x, const at::Tensor& y);

}  // namespace sliceflow::engine
