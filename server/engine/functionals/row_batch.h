// Mini-batches of the rows of a data set.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

namespace sliceflow::engine {

// All rows where there are no more than `count`, otherwise that many different ones at random.
at::Tensor DrawRows(const at::Tensor& rows, int64_t count, at::Generator& random);

}  // namespace sliceflow::engine
