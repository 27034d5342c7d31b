// The gradient of an input-convex network (Amos et al. 2017) as an invertible layer.
#pragma once

#include <vector>

#include "server/engine/models/layer.h"

namespace sliceflow::engine {

// u ↦ ∇φ(u), φ(u) = ½|Lu|² + ⟨b, u⟩ + ⟨w, z_n⟩/width with
//   z_1 = s(A_1 u + b_1),   z_l = s(W_l z_{l−1} + A_l u + b_l),   s the softplus, W_l and w the softplus of what is trained.
// s is convex and grows, W_l and w are positive, so φ is convex; LᵀL makes it strictly so. The quadratic part holds every linear map
// between Gaussians. Hessian and map are written out, so that a gradient of either takes one backward pass:
//   ∇²φ = LᵀL + Σ_l J_lᵀ diag(λ_l s″(a_l)) J_l,   a_l what s is applied to, J_l = ∂a_l/∂u, λ_l = ∂φ/∂z_l.
// Cost for n points: O(n · layers · width² · d) time, O(n · layers · width · d) memory, and n determinants of d × d matrices.
// Near the identity at the initial parameters, not on it: positive weights are never 0.
class ConvexGradientLayer final : public Layer {
 public:
  ConvexGradientLayer(int dimension, int layers, int width) : dimension_(dimension), layers_(layers), width_(width) {}

  std::vector<Shape> shapes() const override;
  std::vector<at::Tensor> InitialParameters(at::Generator& random) const override;
  Pushed Forward(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const;

  // By damped Newton steps in double.
  at::Tensor Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const override;

  // Tensors of one kind are stacked along the hidden layers.
  ScriptPart Script(absl::Span<const at::Tensor> parameters) const override;

 private:
  struct Derivatives {
    at::Tensor gradient;  // n × d
    at::Tensor hessian;   // n × d × d
  };

  Derivatives At(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const;

  int dimension_;
  int layers_;
  int width_;
};

}  // namespace sliceflow::engine
