// The wall clock of real processes, set by a test: a library that is preloaded into them bends what they are told.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/support/bent_clock/control.h"

namespace sliceflow::testing {

// One clock for any number of processes. Files of theirs still get the true time. Not thread-safe, but the processes may run.
class BentClock {
 public:
  // Keeps two files in `folder`, which exists.
  explicit BentClock(const std::string& folder);
  ~BentClock();
  BentClock(const BentClock&) = delete;
  BentClock& operator=(const BentClock&) = delete;

  // What a process is started under, as words before its command: `env LD_PRELOAD=… BENT_CLOCK=…`.
  const std::vector<std::string>& prefix() const { return prefix_; }
  // A program that is `program` under the clock, for processes that do not inherit the environment.
  std::string Wrap(const std::string& program) const;

  // Somebody sets the clock: so far ahead of the true time, behind where negative.
  void Set(absl::Duration ahead) { control_->ahead_ns = absl::ToInt64Nanoseconds(ahead); }

 private:
  const std::string path_;
  ClockControl* control_ = nullptr;
  std::vector<std::string> prefix_;
};

}  // namespace sliceflow::testing
