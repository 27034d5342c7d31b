// A model's tensors as a safetensors file (https://github.com/huggingface/safetensors, "Format").
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "server/engine/export/script_part.h"

namespace sliceflow::engine {

// The parts' tensors by their path, such as `base.factor`, and `description` under the key `sliceflow` of the metadata.
std::string WriteSafetensors(const ScriptPart& model, absl::string_view description);

}  // namespace sliceflow::engine
