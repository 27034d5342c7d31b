#include "server/engine/solvers/chain_pool.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

// Links are pushed through in blocks: their Jacobians are the most memory that this takes, and are to stay in the processor's cache.
constexpr int64_t kBlock = 1024;
constexpr int64_t kFewest = 16 * kBlock;
constexpr int64_t kMost = 128 * kBlock;
constexpr int64_t kUses = 4;  // of a row in a step, on average

int64_t PoolSize(int64_t iterations, int64_t batch_size) {
  const int64_t wanted = iterations * batch_size / kUses;
  return std::clamp((wanted + kBlock - 1) / kBlock * kBlock, kFewest, kMost);
}

Noise DrawNoise(const Icnn& model, uint64_t seed, int64_t size) {
  at::Generator random = MakeGenerator(seed, Purpose::kChainPool);
  return model.Draw(size, /*paired=*/true, random);
}

}  // namespace

ChainPool::ChainPool(const Icnn& model, uint64_t seed, int64_t iterations, int64_t batch_size)
    : followed_(model, DrawNoise(model, seed, PoolSize(iterations, batch_size)), kBlock) {}

Batch ChainPool::Draw(const at::Tensor& parameters, int64_t count, at::Generator& random) {
  const Batch all = followed_.At(parameters);
  const int64_t size = all.x.size(0);
  const bool paired = count % 2 == 0;
  at::Tensor rows = at::randint(paired ? size / 2 : size, {paired ? count / 2 : count}, random, at::TensorOptions(at::kLong));
  // The second half of the pool mirrors the first.
  if (paired) rows = at::cat({rows, rows + size / 2});
  return {.x = all.x.index_select(0, rows), .log_density = all.log_density.index_select(0, rows)};
}

}  // namespace sliceflow::engine
