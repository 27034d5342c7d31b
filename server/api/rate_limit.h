// How often somebody may do something.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace sliceflow::api {

// A bucket of tokens for each key, filled at a rate up to what it holds. Thread-safe. A bounded number of keys is known: beyond it those
// that are not known share one bucket, until others are full again and forgotten.
class RateLimit {
 public:
  static constexpr size_t kMostKeys = 4096;

  explicit RateLimit(Clock& clock) : clock_(clock) {}

  // Takes one from the key's bucket, which holds `capacity` and gets `per_second`, both above 0. Zero where there was one, else how long it
  // takes until there is.
  absl::Duration Take(const std::string& key, double capacity, double per_second);

 private:
  struct Bucket {
    double used = 0;      // of the capacity
    absl::Duration time;  // of Uptime
  };
  Bucket& Find(const std::string& key, double per_second, absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  absl::Mutex mutex_;
  std::map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::api
