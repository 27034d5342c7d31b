// "Did you mean ...?"
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sliceflow {

// The candidate nearest to `word` in insertions, deletions, replacements and swaps of neighbours, ignoring case and underscores; empty
// when none is within a third of the word's length (at least 1).
std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace sliceflow
