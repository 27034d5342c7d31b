// The time, as something tests can hold still.
#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace sliceflow {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() { return absl::Now(); }
};

}  // namespace sliceflow
