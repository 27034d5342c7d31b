// The time, as something tests can hold still.
#pragma once

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace sliceflow {

// Time since a moment that stays the same while the program runs. Unlike absl::Now it is not moved by setting the machine's clock: lengths
// of time are differences of it, and what is to happen within a time happens when it has come that far.
inline absl::Duration Uptime() { return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch()); }

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // For moments that users see.
  virtual absl::Time Now() { return absl::Now(); }
  // For lengths of time.
  virtual absl::Duration Uptime() { return sliceflow::Uptime(); }
};

}  // namespace sliceflow
