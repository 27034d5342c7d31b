#include "server/engine/solvers/minimise.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "server/engine/solvers/adam.h"

namespace sliceflow::engine {
namespace {

constexpr double kLastRate = 0.01;  // of the first

double CosineRate(double rate, int iteration, int iterations) {
  const double share = iterations > 1 ? static_cast<double>(iteration) / (iterations - 1) : 0;
  return rate * (kLastRate + (1 - kLastRate) * 0.5 * (1 + std::cos(std::numbers::pi * share)));
}

}  // namespace

Minimisation Minimise(const at::Tensor& parameters, const AdamOptions& adam, int iterations,
                      absl::FunctionRef<ObjectiveValue(const at::Tensor& leaf, int iteration)> objective, const StopLatch& stop,
                      absl::FunctionRef<void(int iteration, double value)> progress) {
  Minimisation result{.parameters = parameters.detach().clone()};
  Adam optimizer(result.parameters.numel(), adam);
  for (int i = 0; i < iterations; ++i) {
    if (stop.triggered()) {
      result.stopped = true;
      return result;
    }
    const at::Tensor leaf = result.parameters.detach().requires_grad_(true);
    ObjectiveValue value = objective(leaf, i);
    if (value.divergence.has_value()) {
      result.divergence = std::move(value.divergence);
      return result;
    }
    const at::Tensor gradient = torch::autograd::grad({value.loss}, {leaf})[0];
    result.gradient_norm = gradient.norm().item<double>();
    if (!std::isfinite(result.gradient_norm)) {
      result.divergence = Divergence{"model", "the gradient with respect to the model's parameters is not finite"};
      return result;
    }
    optimizer.Step(result.parameters, gradient, CosineRate(adam.learning_rate, i, iterations));
    ++result.iterations;
    progress(i, value.value);
  }
  return result;
}

}  // namespace sliceflow::engine
