#include "server/engine/solvers/step_pool.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "server/engine/models/followed_batch.h"
#include "server/engine/solvers/pool_rows.h"

namespace sliceflow::engine {
namespace {

at::Tensor Picked(const at::Tensor& all, const at::Tensor& rows) { return all.defined() ? all.index_select(0, rows) : at::Tensor(); }

}  // namespace

StepPool::StepPool(const Model& model, int64_t iterations, int64_t batch_size) : model_(model), size_(PoolSize(iterations, batch_size)) {}

void StepPool::Fill(const Position& before, at::Generator& random) {
  all_ = {.noise = model_.Draw(size_, /*paired=*/true, random)};
  FollowedBatch followed(model_, all_.noise, kPoolBlock);
  all_.last = followed.At(before.parameters);
  if (before.memory.defined()) all_.second_last = followed.At(before.memory).x;
  position_ = before.parameters;
}

Drawn StepPool::Draw(const Position& before, int64_t count, at::Generator& random) {
  const at::NoGradGuard no_graph;
  if (!position_.defined() || !position_.is_same(before.parameters)) Fill(before, random);
  const at::Tensor rows = PickRows(size_, count, random);
  return {.noise = {.z = Picked(all_.noise.z, rows), .log_density = Picked(all_.noise.log_density, rows)},
          .last = {.x = Picked(all_.last.x, rows), .log_density = Picked(all_.last.log_density, rows)},
          .second_last = Picked(all_.second_last, rows)};
}

}  // namespace sliceflow::engine
