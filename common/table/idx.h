// The IDX format of the MNIST database. Source of the format: LeCun, Cortes and Burges, "The MNIST database", file formats.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/table/limits.h"
#include "common/tensor.h"

namespace sliceflow::table {

// Two zero bytes, a type, a number of axes, the axes and the values, all big-endian. The first axis counts rows; the result keeps all axes.
// InvalidArgument says what is wrong; values must be finite float32. The bytes may be hostile.
absl::StatusOr<Tensor> ReadIdx(absl::string_view bytes, const Limits& limits);

}  // namespace sliceflow::table
