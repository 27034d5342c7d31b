#include "server/engine/solvers/sgd.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

Sgd::Sgd(int64_t parameters, const SgdOptions& options) : options_(options), velocity_(static_cast<size_t>(parameters), 0.0f) {}

void Sgd::Step(at::Tensor& parameters, const at::Tensor& gradient, double rate) {
  const auto scale = static_cast<float>(rate * options_.learning_rate);
  const auto momentum = static_cast<float>(options_.momentum);
  const at::Tensor dense = gradient.contiguous();
  const float* g = dense.const_data_ptr<float>();
  float* p = parameters.data_ptr<float>();
  for (size_t i = 0; i < velocity_.size(); ++i) {
    velocity_[i] = momentum * velocity_[i] + g[i];
    p[i] -= scale * velocity_[i];
  }
}

}  // namespace sliceflow::engine
