// Text as JSON, for the few places that write JSON without a message.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace sliceflow {

// How many bytes `text` begins with that are whole characters of UTF-8: all of it where it is valid.
size_t ValidUtf8Prefix(absl::string_view text);

// `text` in quotes, escaped as RFC 8259 asks; bytes that are no UTF-8 become U+FFFD.
std::string JsonString(absl::string_view text);

}  // namespace sliceflow
