// How often the same place of a library may write to the log.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sliceflow::daemon {

// Ten lines of a place in a minute: what strangers bring about, such as a failed handshake, must not fill the log. What is left out is counted,
// and told when the count comes to 1, 10, 100, …, and with the place's first line of a later minute. Holds as much as there are places in
// the library's sources. Thread-safe.
class LineBudget {
 public:
  static constexpr int kLines = 10;
  static constexpr absl::Duration kTime = absl::Minutes(1);

  struct Verdict {
    bool written = true;            // whether the line is
    int64_t left_out = 0;           // of this place, to be told now; 0: nothing to tell
    bool of_minute_before = false;  // whether those belong to the time before this line, and not to this minute
  };
  // `place`: file and line; `now`: of Uptime.
  Verdict Take(const std::string& place, absl::Duration now);

 private:
  struct Place {
    absl::Duration since;
    int written = 0;
    int64_t left_out = 0;
  };
  absl::Mutex mutex_;
  std::map<std::string, Place> places_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::daemon
