// The table of initial distributions.
#pragma once

#include <memory>

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"

namespace sliceflow::engine {

// `spec` is valid. Never null.
std::unique_ptr<InitialDistribution> MakeInitial(const InitialSpec& spec, int dimension);

}  // namespace sliceflow::engine
