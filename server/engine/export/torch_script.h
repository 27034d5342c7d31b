// A model as a module of TorchScript.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "server/engine/export/script_part.h"

namespace sliceflow::engine {

// The bytes that torch.jit.load reads, with `description` as the extra file `sliceflow.json`. Tensors are copied. Nothing in it is trained
// until somebody says so: no parameter wants a gradient.
std::string WriteTorchScript(const ScriptPart& model, absl::string_view description);

}  // namespace sliceflow::engine
