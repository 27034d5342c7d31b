// A model as TorchScript: what it holds, and the source of its methods. Models, layers and base distributions each write their own part.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sliceflow::engine {

// A module to be. Methods that others rely on:
//   a model         forward(z), latent(count), sample(count), log_density(x), as ExportModel of the contract has them
//   a layer         push(u): (v, log |det ∂v/∂u|), pull(v): u
//   a distribution  sample(count), log_density(x)
struct ScriptPart {
  struct NamedTensor {
    std::string name;
    at::Tensor value;
    bool trained = false;  // a parameter, else a buffer
  };

  std::string kind;                  // of the module: the name of its class
  std::string name;                  // in the module that it is part of
  std::vector<NamedTensor> tensors;  // told apart by name from parts and methods
  std::vector<ScriptPart> parts;
  std::string generator;  // functions of a user's own; methods call the last of them as `generator`
  std::string source;     // of the methods
};

// Dense layers whose weights and biases are `parameters` in turn, with `activation`, an operation of torch, between them, as the method
// `network`.
ScriptPart DenseScript(absl::string_view kind, absl::Span<const at::Tensor> parameters, absl::string_view activation);

// The number of the type float32 in sources.
inline constexpr int kScriptFloat = static_cast<int>(at::kFloat);

// A number as TorchScript reads it back exactly; always one of floating point.
std::string ScriptNumber(double value);

}  // namespace sliceflow::engine
