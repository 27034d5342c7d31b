#include "server/engine/solvers/chain_pool.h"

#include <ATen/ATen.h>

#include "server/engine/random.h"
#include "server/engine/solvers/pool_rows.h"

namespace sliceflow::engine {
namespace {

Noise DrawNoise(const Icnn& model, uint64_t seed, int64_t size) {
  at::Generator random = MakeGenerator(seed, Purpose::kChainPool);
  return model.Draw(size, /*paired=*/true, random);
}

}  // namespace

ChainPool::ChainPool(const Icnn& model, uint64_t seed, int64_t iterations, int64_t batch_size)
    : followed_(model, DrawNoise(model, seed, PoolSize(iterations, batch_size)), kPoolBlock) {}

Batch ChainPool::Draw(const at::Tensor& parameters, int64_t count, at::Generator& random) {
  const Batch all = followed_.At(parameters);
  const at::Tensor rows = PickRows(all.x.size(0), count, random);
  return {.x = all.x.index_select(0, rows), .log_density = all.log_density.index_select(0, rows)};
}

}  // namespace sliceflow::engine
