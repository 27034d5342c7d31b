// NumPy's .npy files. Source of the format: numpy.lib.format, NEP 1.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/table/limits.h"
#include "common/tensor.h"

namespace sliceflow::table {

// Reads versions 1 to 3: float32, float64, integers of 8 to 64 bits and booleans, little-endian, in C order, one axis or more; the first
// axis counts rows. The result keeps all axes. InvalidArgument says what is wrong or unreadable; values must be finite float32.
// The bytes may be hostile.
absl::StatusOr<Tensor> ReadNpy(absl::string_view bytes, const Limits& limits);

// The heading of a version 1.0 file of float32 in C order; the values follow it as common/tensor.h packs them.
std::string NpyHeading(const std::vector<int64_t>& shape);

// The whole file.
std::string WriteNpy(const Tensor& tensor);

}  // namespace sliceflow::table
