#include "server/engine/solvers/candidate.h"

#include <ATen/core/grad_mode.h>

namespace sliceflow::engine {

Drawn WholeModel::Draw(const Position& before, int64_t count, at::Generator& random) {
  const at::NoGradGuard no_graph;
  Drawn drawn{.noise = model_.Draw(model_.exact() ? model_.max_samples() : count, /*paired=*/true, random)};
  drawn.last = model_.Transport(before.parameters, drawn.noise);
  if (before.memory.defined()) drawn.second_last = model_.Transport(before.memory, drawn.noise).x;
  return drawn;
}

}  // namespace sliceflow::engine
