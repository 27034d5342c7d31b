// The table of models.
#pragma once

#include <memory>

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"
#include "server/engine/models/model.h"

namespace sliceflow::engine {

// `spec` is valid. `least_deviation`: the smallest standard deviation that the Gaussian base of a flow may have in a direction, and the
// units of an MLP in a coordinate, used where ρ₀ has no density and is flat there (a Dirac, constant columns). `solver`: a chain of maps
// begins without any where the solver adds them. Never null.
std::unique_ptr<Model> MakeModel(const ModelSpec& spec, const SolverSpec& solver, int dimension,
                                 std::shared_ptr<const InitialDistribution> initial, double least_deviation, at::Generator& random);

}  // namespace sliceflow::engine
