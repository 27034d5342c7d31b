// What a test and the library in the processes under test share: a file mapped into both.
#pragma once

#include <atomic>
#include <cstdint>

namespace sliceflow::testing {

// Lies at the beginning of the file that $BENT_CLOCK names. Written by the test, read by the library.
struct ClockControl {
  std::atomic<int64_t> ahead_ns = 0;  // how far the wall clock is ahead of the true time; negative: behind
};

inline constexpr char kClockControlVariable[] = "BENT_CLOCK";

}  // namespace sliceflow::testing
