#include "server/engine/solvers/proximity.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

namespace sliceflow::engine {

Penalty Differentiated(const at::Tensor& x, absl::FunctionRef<at::Tensor(const at::Tensor& x)> value) {
  const at::AutoGradMode graph(true);
  const at::Tensor leaf = x.detach().requires_grad_(true);
  const at::Tensor sum = value(leaf);
  return {.value = sum.item<double>(), .gradient = torch::autograd::grad({sum}, {leaf})[0]};
}

}  // namespace sliceflow::engine
