// v = L U u + c, L unit lower triangular, U upper triangular with positive diagonal: a learned linear map that mixes all coordinates.
#pragma once

#include "server/engine/models/layer.h"

namespace sliceflow::engine {

// Parameters: a d × d matrix whose strictly lower part is that of L, strictly upper part that of U and diagonal the logarithm of U's; c.
// log |det| is the sum of the diagonal (Kingma & Dhariwal 2018, section 3.2).
class LinearLayer final : public Layer {
 public:
  explicit LinearLayer(int64_t dimension) : dimension_(dimension) {}

  std::vector<Shape> shapes() const override { return {{dimension_, dimension_}, {dimension_}}; }
  std::vector<at::Tensor> InitialParameters(at::Generator& random) const override;
  at::Tensor Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const override;
  ScriptPart Script(absl::Span<const at::Tensor> parameters) const override;

 private:
  int64_t dimension_;
};

}  // namespace sliceflow::engine
