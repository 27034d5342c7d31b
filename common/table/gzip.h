// gzip, taken apart with a bound.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sliceflow::table {

// The bytes that `compressed`, one or more members of gzip (RFC 1952), holds. Memory grows with what comes out, at most to `max_bytes`:
// beyond, ResourceExhausted. InvalidArgument when it is not gzip, damaged or cut off.
absl::StatusOr<std::string> Gunzip(absl::string_view compressed, int64_t max_bytes);

}  // namespace sliceflow::table
