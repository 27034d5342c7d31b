// Noise of flows whose base is a distribution with a density.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>

#include "server/engine/initial/initial.h"
#include "server/engine/models/model.h"

namespace sliceflow::engine {

// `count` base points with their log-densities. `paired` as in Model::Draw.
Noise DrawBaseNoise(const InitialDistribution& base, int64_t count, bool paired, at::Generator& random);

}  // namespace sliceflow::engine
