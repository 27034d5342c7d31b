#include "server/engine/functionals/functional.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

TermValue PotentialValue(const at::Tensor& v, const at::Tensor& gradient) {
  TermValue result;
  result.per_sample = v;
  result.value = v.mean(at::kDouble).item<double>();
  if (gradient.defined()) result.gradient = gradient / static_cast<double>(v.size(0));
  return result;
}

}  // namespace sliceflow::engine
