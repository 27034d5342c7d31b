#include "server/engine/solvers/candidate.h"

#include <ATen/core/grad_mode.h>

#include "server/engine/solvers/pool_rows.h"
#include "server/engine/solvers/step_pool.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kMostFloats = int64_t{1} << 22;  // of a pool's points

std::unique_ptr<StepPool> PoolFor(const Model& model, int dimension, int64_t iterations, int64_t batch_size) {
  if (model.exact() || PoolSize(iterations, batch_size) * dimension > kMostFloats) return nullptr;
  return std::make_unique<StepPool>(model, iterations, batch_size);
}

}  // namespace

WholeModel::WholeModel(const Model& model, int dimension, int64_t iterations, int64_t batch_size)
    : model_(model), pool_(PoolFor(model, dimension, iterations, batch_size)) {}

WholeModel::~WholeModel() = default;

Drawn WholeModel::Draw(const Position& before, int64_t count, at::Generator& random) {
  if (pool_ != nullptr) return pool_->Draw(before, count, random);
  const at::NoGradGuard no_graph;
  Drawn drawn{.noise = model_.Draw(model_.exact() ? model_.max_samples() : count, /*paired=*/true, random)};
  drawn.last = model_.Transport(before.parameters, drawn.noise);
  if (before.memory.defined()) drawn.second_last = model_.Transport(before.memory, drawn.noise).x;
  return drawn;
}

}  // namespace sliceflow::engine
