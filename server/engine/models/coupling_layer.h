// An affine coupling (Dinh et al. 2017): one half of the coordinates, through a network, scales and shifts the other.
#pragma once

#include "server/engine/models/layer.h"

namespace sliceflow::engine {

// v_kept = u_kept, v_moved = u_moved · exp(s) + t with (raw, t) = network(u_kept) and s = c tanh(raw / c), |s| < c = kScaleBound, so that
// one step of the optimizer cannot overflow. The network has two hidden layers with tanh; its last layer starts at zero.
class CouplingLayer final : public Layer {
 public:
  static constexpr double kScaleBound = 2;

  // `first_kept`: whether the first half of the coordinates is the one that stays. Dimension at least 2.
  CouplingLayer(int64_t dimension, int64_t hidden_width, bool first_kept);

  std::vector<Shape> shapes() const override;
  std::vector<at::Tensor> InitialParameters(at::Generator& random) const override;
  at::Tensor Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const override;
  ScriptPart Script(absl::Span<const at::Tensor> parameters) const override;

 private:
  struct Halves {
    at::Tensor kept;
    at::Tensor moved;
  };
  Halves Split(const at::Tensor& points) const;
  at::Tensor Join(const at::Tensor& kept, const at::Tensor& moved) const;

  int64_t kept_;
  int64_t moved_;
  int64_t hidden_width_;
  bool first_kept_;
};

}  // namespace sliceflow::engine
