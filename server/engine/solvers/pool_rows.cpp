#include "server/engine/solvers/pool_rows.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

constexpr int64_t kFewest = 16 * kPoolBlock;
constexpr int64_t kMost = 128 * kPoolBlock;
constexpr int64_t kUses = 4;  // of a row in a step, on average

}  // namespace

int64_t PoolSize(int64_t iterations, int64_t batch_size) {
  const int64_t wanted = iterations * batch_size / kUses;
  return std::clamp((wanted + kPoolBlock - 1) / kPoolBlock * kPoolBlock, kFewest, kMost);
}

at::Tensor PickRows(int64_t size, int64_t count, at::Generator& random) {
  const bool paired = count % 2 == 0;
  const at::Tensor rows = at::randint(paired ? size / 2 : size, {paired ? count / 2 : count}, random, at::TensorOptions(at::kLong));
  return paired ? at::cat({rows, rows + size / 2}) : rows;
}

}  // namespace sliceflow::engine
