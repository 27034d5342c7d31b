// A smooth increasing map of the line: what stands in for couplings in one dimension, where there is nothing to couple.
#pragma once

#include <cstdint>

#include "server/engine/models/layer.h"

namespace sliceflow::engine {

// v(u) = c + e^{r₀} u + Σⱼ (e^{rⱼ} − e^{rⱼ₋₁}) softplus(k (u − eⱼ)) / k, with J edges eⱼ evenly over [−4, 4] and k = 2/spacing.
// Its slope is a blend of e^{r₀}, …, e^{r_J}, so it increases whatever the parameters r, c; with all rⱼ = 0 it is the identity; outside the
// edges it is affine. With enough edges it reaches any smooth increasing map, which is all that transport in one dimension needs.
// The inverse is by bisection in double to the last bit of float.
class MonotoneLayer final : public Layer {
 public:
  static constexpr double kReach = 4;
  static constexpr double kLogSlopeBound = 8;  // r = bound · tanh(raw / bound)

  explicit MonotoneLayer(int64_t edges) : edges_(edges) {}

  std::vector<Shape> shapes() const override { return {{edges_ + 1}, {1}}; }
  std::vector<at::Tensor> InitialParameters(at::Generator& random) const override;
  Pushed Forward(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const;
  at::Tensor Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const override;
  ScriptPart Script(absl::Span<const at::Tensor> parameters) const override;

 private:
  at::Tensor Edges(at::ScalarType type) const;
  double sharpness() const { return static_cast<double>(edges_ + 1) / kReach; }

  int64_t edges_;
};

}  // namespace sliceflow::engine
