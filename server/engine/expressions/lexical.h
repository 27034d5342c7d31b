// The first look at a user's source, before any parser sees it. LibTorch's parser and compiler recurse over what they read, so a source
// that would exhaust their stack, or that no expression needs, ends here.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sliceflow::engine {

inline constexpr size_t kMaxExpressionBytes = size_t{64} << 10;

// A source without comments and empty lines, and with the body of a block always on lines of its own.
struct ExpressionText {
  std::string text;
  std::vector<int> lines;  // of the user's source, from 1, for each line of `text`
};

// Throws Refused for: more than 64 KiB or 8192 words and signs; characters that are neither printable ASCII nor a line's end (anything may
// stand in a comment); more than 500 words and signs in one element of an expression, counted through the brackets around it, which
// bounds the depth of the parser's tree; blocks more than 16 deep; more than 256 branches and loops; names beyond 64, numbers beyond 40
// and texts beyond 64 characters; texts with escapes or over several lines; and words of the language that an expression has no use for.
// Takes time and memory proportional to the source.
ExpressionText ReadExpressionText(absl::string_view source);

}  // namespace sliceflow::engine
