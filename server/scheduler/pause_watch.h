// Tells the silence of others from a pause of this process.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace sliceflow::scheduler {

// A process that was stopped (SIGSTOP, a machine that slept, a debugger) or had no processor finds all that came meanwhile unread, and
// everything else to have lasted too long. For a loop that looks at others every so often. Moments are of Uptime. For one thread.
class PauseWatch {
 public:
  // More than a loaded machine takes between two looks.
  static constexpr absl::Duration kLongestLook = absl::Seconds(2);

  // Longer than `longest` between two looks is a pause.
  explicit PauseWatch(absl::Duration longest = kLongestLook) : longest_(longest) {}

  // To be called at each look, before what is judged by it.
  void Look(absl::Duration now) {
    if (now - last_ > longest_) resumed_ = now;
    last_ = now;
  }

  // How long what began at `since` has lasted; since the end of the newest pause, if that is later.
  absl::Duration Lasted(absl::Duration since, absl::Duration now) const { return now - std::max(since, resumed_); }

 private:
  const absl::Duration longest_;
  absl::Duration last_ = absl::InfiniteDuration();  // no look yet
  absl::Duration resumed_ = -absl::InfiniteDuration();
};

}  // namespace sliceflow::scheduler
