// A chain of invertible layers on a base distribution, as TorchScript.
#pragma once

#include <cstdint>
#include <vector>

#include "server/engine/export/script_part.h"

namespace sliceflow::engine {

struct ScriptLink {
  ScriptPart layer;
  int64_t rotation = 0;  // coordinates are rolled by this much before the layer
};

// The model x = mean + deviation · (layers)((z − mean)/deviation), z from `base`, rotated back at the end. Layers become the parts `layer_0`,
// `layer_1`, … Densities are taken where the inverse leads, as models do.
ScriptPart ChainScript(absl::string_view kind, ScriptPart base, const at::Tensor& mean, const at::Tensor& deviation,
                       std::vector<ScriptLink> links);

}  // namespace sliceflow::engine
