// The part of the engine's check that is of models.
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/spec_checker.h"

namespace sliceflow::engine {

// Whether ρ₀ is known by its density, so that it can be put on a grid or pushed through a chain of maps.
bool HasDensity(const InitialSpec& initial);

void CheckModel(SpecChecker& check, const ModelSpec& model, const InitialSpec& initial);

// Of a flow between codes, also what stands beside it.
void CheckLatentSpace(SpecChecker& check, const FlowSpec& spec);

}  // namespace sliceflow::engine
