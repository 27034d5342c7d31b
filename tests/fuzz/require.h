// What must hold whatever the input.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sliceflow::fuzz {

// Ends the program, which libFuzzer reports with the input, and a test as a failure.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace sliceflow::fuzz
