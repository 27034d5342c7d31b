// Text from outside inside messages for people. What comes out is always UTF-8: a detail of an error that is not is lost on the wire.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace sliceflow {

// `text`, or as much of it as fits into `most` bytes and "…". A character of UTF-8 is not split.
std::string Shortened(absl::string_view text, size_t most);

// `text`, shortened, in double quotes; what does not print, and all that is no UTF-8, is escaped as in C.
std::string Quoted(absl::string_view text, size_t most = 100);

}  // namespace sliceflow
