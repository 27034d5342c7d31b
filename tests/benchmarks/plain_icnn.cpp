#include "tests/benchmarks/plain_icnn.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

namespace sliceflow::benchmarks {
namespace {

constexpr int64_t kRank = 5;
constexpr double kStrongConvexity = 1e-6;
constexpr double kLearningRate = 0.005;

at::Tensor GradientOf(const at::Tensor& value, const at::Tensor& by) {
  return torch::autograd::grad({value}, {by}, {at::ones_like(value)}, /*retain_graph=*/true, /*create_graph=*/true)[0];
}

}  // namespace

PlainIcnn::PlainIcnn(int64_t dimension, int64_t layers, int64_t width, double step)
    : dimension_(dimension), width_(width), step_(step), adam_(std::vector<at::Tensor>{}, torch::optim::AdamOptions(kLearningRate)) {
  for (int64_t i = 0; i < layers; ++i) {
    Layer layer{.quadratic = Trained({dimension, kRank * width}), .input = Trained({width, dimension}), .bias = Trained({width})};
    if (i > 0) layer.inner = Trained({width, width});
    layers_.push_back(layer);
  }
  last_ = Trained({1, width});
  adam_ = torch::optim::Adam(parameters_, torch::optim::AdamOptions(kLearningRate));
  const at::NoGradGuard no_graph;
  for (Layer& layer : layers_) {
    if (layer.inner.defined()) layer.inner.clamp_(0);
  }
  last_.clamp_(0);
}

at::Tensor PlainIcnn::Trained(at::IntArrayRef shape) {
  parameters_.push_back((at::randn(shape) / std::sqrt(static_cast<double>(width_))).requires_grad_(true));
  return parameters_.back();
}

at::Tensor PlainIcnn::Value(const at::Tensor& x) const {
  at::Tensor z;
  for (const Layer& layer : layers_) {
    const at::Tensor square = at::matmul(x, layer.quadratic).square().view({-1, kRank, width_}).sum(1);
    const at::Tensor from_input = square + at::addmm(layer.bias, x, layer.input.t());
    z = layer.inner.defined() ? at::softplus(at::matmul(z, layer.inner.t()) + from_input) : from_input;
  }
  return at::matmul(z, last_.t()) + x.square().sum(1, /*keepdim=*/true) * (kStrongConvexity / 2);
}

void PlainIcnn::Iterate(int64_t samples) {
  const at::Tensor x = at::randn({samples, dimension_}).requires_grad_(true);
  const at::Tensor pushed = GradientOf(Value(x), x);
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < dimension_; ++i) rows.push_back(GradientOf(pushed.select(1, i), x));
  const at::Tensor entropy = -at::logdet(at::stack(rows, 1));
  const at::Tensor energy = ((pushed - 1).square().sum(1) + entropy).mean();
  const at::Tensor loss = (pushed - x).square().sum(1).mean() / (2 * step_) + energy;
  adam_.zero_grad();
  torch::autograd::backward({loss});
  adam_.step();
  const at::NoGradGuard no_graph;
  for (Layer& layer : layers_) {
    if (layer.inner.defined()) layer.inner.clamp_(0);
  }
  last_.clamp_(0);
}

}  // namespace sliceflow::benchmarks
