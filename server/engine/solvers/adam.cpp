#include "server/engine/solvers/adam.h"

#include <cmath>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

constexpr float kEpsilon = 1e-12f;

}  // namespace

Adam::Adam(int64_t parameters, const AdamOptions& options)
    : options_(options), first_(static_cast<size_t>(parameters), 0.0f), second_(static_cast<size_t>(parameters), 0.0f) {}

void Adam::Step(at::Tensor& parameters, const at::Tensor& gradient, double rate) {
  power1_ *= options_.beta1;
  power2_ *= options_.beta2;
  const auto scale = static_cast<float>(rate * options_.learning_rate / (1 - power1_));
  const auto second_scale = static_cast<float>(1 / (1 - power2_));
  const auto beta1 = static_cast<float>(options_.beta1);
  const auto beta2 = static_cast<float>(options_.beta2);
  const at::Tensor dense = gradient.contiguous();
  const float* g = dense.const_data_ptr<float>();
  float* p = parameters.data_ptr<float>();
  for (size_t i = 0; i < first_.size(); ++i) {
    first_[i] = beta1 * first_[i] + (1 - beta1) * g[i];
    second_[i] = beta2 * second_[i] + (1 - beta2) * g[i] * g[i];
    p[i] -= scale * first_[i] / (std::sqrt(second_[i] * second_scale) + kEpsilon);
  }
}

}  // namespace sliceflow::engine
