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

// Points through a layer that has a way there of its own.
struct Pushed {
  at::Tensor v;                // n × d
  at::Tensor log_determinant;  // log |det ∂v/∂u|: n entries, or one (0-dimensional) where it is the same everywhere
};

// Holds structure, not parameters: the model splits one flat tensor into tensors of the layer's `shapes`, in that order. At the initial
// parameters a layer is the identity. Points are float, n × d. The way there, u ↦ v, is not here: where layers come in a row it is that of the
// whole row (CouplingFlow).
class Layer {
 public:
  virtual ~Layer() = default;
  virtual std::vector<Shape> shapes() const = 0;
  virtual std::vector<at::Tensor> InitialParameters(at::Generator& random) const = 0;

  // The inverse of the layer's way there, outside any graph.
  virtual at::Tensor Inverse(absl::Span<const at::Tensor> parameters, const at::Tensor& v) const = 0;

  // The layer with these parameters as TorchScript: the way there is `push`, Inverse `pull`.
  virtual ScriptPart Script(absl::Span<const at::Tensor> parameters) const = 0;
};

}  // namespace sliceflow::engine
