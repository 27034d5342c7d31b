// SHA-256 (FIPS 180-4).
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sliceflow::jobs {

// The 32 bytes of the hash, and the same in hexadecimal.
std::string Sha256(absl::string_view bytes);
std::string Sha256Hex(absl::string_view bytes);

}  // namespace sliceflow::jobs
