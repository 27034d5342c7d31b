// Samples that a step draws once and its iterations pick from.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

namespace sliceflow::engine {

// Pools are moved through maps in blocks of so many rows, which stay in the processor's cache.
inline constexpr int64_t kPoolBlock = 1024;

// Rows of a pool that `iterations` pick `batch_size` each from: a quarter of what they take, in whole blocks, within bounds.
int64_t PoolSize(int64_t iterations, int64_t batch_size);

// `count` of the rows 0 … size − 1, by chance, int64. An even count is of pairs, one of each half: the second half of a pool whose base is
// symmetric mirrors the first.
at::Tensor PickRows(int64_t size, int64_t count, at::Generator& random);

}  // namespace sliceflow::engine
