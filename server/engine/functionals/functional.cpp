#include "server/engine/functionals/functional.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace sliceflow::engine {
namespace {

// A scalar with a known gradient with respect to one tensor.
class KnownGradient : public torch::autograd::Function<KnownGradient> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& gradient, double value) {
    context->save_for_backward({gradient});
    return at::scalar_tensor(value, x.options());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list outputs) {
    return {outputs[0] * context->get_saved_variables()[0], at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor Differentiable(const TermValue& value, const Batch& batch) {
  at::Tensor result = at::scalar_tensor(value.value, batch.x.options());
  if (value.gradient.defined()) result = KnownGradient::apply(batch.x, value.gradient, value.value);
  if (!value.density_gradient.defined()) return result;
  const at::Tensor through_density = KnownGradient::apply(batch.log_density, value.density_gradient, value.value);
  return value.gradient.defined() ? result + through_density - value.value : through_density;
}

TermValue PotentialValue(const at::Tensor& v, const at::Tensor& gradient) {
  TermValue result;
  result.per_sample = v;
  result.value = v.mean(at::kDouble).item<double>();
  if (gradient.defined()) result.gradient = gradient / static_cast<double>(v.size(0));
  return result;
}

}  // namespace sliceflow::engine
