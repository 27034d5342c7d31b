// Numbers of other types and byte orders as float32.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/tensor.h"

namespace sliceflow::table {

enum class NumberType { kBool, kInt8, kUint8, kInt16, kUint16, kInt32, kUint32, kInt64, kUint64, kFloat32, kFloat64 };

int64_t SizeOf(NumberType type);

// Reads the first `count` numbers of `bytes`, which has as many. InvalidArgument, naming row and column (both from 1), for one that is no
// finite float32; `row_size` values make a row. Integers are rounded to the nearest float32.
absl::StatusOr<std::vector<float>> ReadNumbers(absl::string_view bytes, NumberType type, bool big_endian, int64_t count, int64_t row_size);

// Rows and values of a binary table with these axes, the first counting rows, cut to `max_rows`. InvalidArgument where an axis is 0 or the
// bytes that follow the heading are not as many as the axes say; ResourceExhausted beyond the limits.
struct Extent {
  std::vector<int64_t> shape;
  int64_t count = 0;
};
absl::StatusOr<Extent> CheckExtent(std::vector<int64_t> shape, NumberType type, size_t bytes, int64_t max_values, int64_t max_rows);

}  // namespace sliceflow::table
