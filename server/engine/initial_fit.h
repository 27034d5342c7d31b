// Bringing a model to ρ₀ where it cannot start there exactly.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "common/stop_latch.h"
#include "server/engine/evaluation.h"
#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"
#include "server/engine/models/model.h"
#include "server/engine/solvers/minimise.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

struct InitialFit {
  Minimisation minimised;
  Estimate residual;  // SW2² to ρ₀; not set where the minimisation stopped or diverged
};

// Minimises SW2²(ρ, ρ₀) from `start` by the optimizer and batches of `inner`, for twice its iterations and at least 500. `limit`: the
// coordinate beyond which samples count as exploding. `progress` is told of every iteration.
InitialFit FitToInitial(const Model& model, const InitialDistribution& initial, const at::Tensor& start, InnerMinimisation inner,
                        double limit, uint64_t seed, const StopLatch& stop, InnerCallback progress);

}  // namespace sliceflow::engine
