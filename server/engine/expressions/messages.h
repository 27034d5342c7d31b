// LibTorch's messages in the words of whoever wrote a source.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sliceflow::engine {

// One line of at most 300 bytes: without what LibTorch shows of the source and of its own files, without whom to report it to, and where
// the arguments of a call fit none of its forms, with what is wrong for each form that an expression may use.
std::string ShortenMessage(absl::string_view message);

}  // namespace sliceflow::engine
