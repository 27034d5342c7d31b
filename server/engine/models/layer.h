// One invertible layer of a normalising flow.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "absl/types/span.h"
#include "server/engine/export/script_part.h"
#include "server/engine/models/flat_parameters.h"

namespace sliceflow::engine {

struct Pushed {
  at::Tensor v;                // n × d
  at::Tensor log_determinant;  // log |det ∂v/∂u|: n entries, or one (0-dimensional) where it is the same everywhere
};

// Holds structure, not parameters: the model splits one flat tensor into tensors of the layer's `shapes`, in that order. At the initial
// parameters a layer is the identity. Points are float, n × d.
class Layer {
 public:
  virtual ~Layer() = default;
  virtual std::vector<Shape> shapes() const = 0;
  virtual std::vector<at::Tensor> InitialParameters(at::Generator& random) const = 0;
  virtual Pushed Forward(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const = 0;

  // The inverse of Forward's v, outside any graph.
  virtual at::Tensor Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const = 0;

  // The layer with these parameters as TorchScript: Forward is `push`, Inverse `pull`.
  virtual ScriptPart Script(absl::Span<const at::Tensor> parameters) const = 0;
};

}  // namespace sliceflow::engine
