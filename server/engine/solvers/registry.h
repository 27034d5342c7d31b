// The table of solvers.
#pragma once

#include <memory>

#include "server/engine/flow_spec.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

// `spec` is valid. Never null.
std::unique_ptr<Solver> MakeSolver(const SolverSpec& spec, const SolverContext& context);

// The inner minimisation of a solver; of those without one, its defaults with the solver's batch size.
InnerMinimisation InnerOf(const SolverSpec& spec);

}  // namespace sliceflow::engine
