// A clock that tests move.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace sliceflow::testing {

// Stands still until it is moved. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(2'000'000'000)) : now_(now) {}

  absl::Time Now() override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }
  absl::Duration Uptime() override {
    absl::MutexLock lock(&mutex_);
    return uptime_;
  }

  // Time goes by.
  void Advance(absl::Duration duration) {
    absl::MutexLock lock(&mutex_);
    now_ += duration;
    uptime_ += duration;
  }
  // Somebody sets the machine's clock, back where negative.
  void Set(absl::Duration difference) {
    absl::MutexLock lock(&mutex_);
    now_ += difference;
  }

 private:
  absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  absl::Duration uptime_ ABSL_GUARDED_BY(mutex_) = absl::Hours(1);
};

}  // namespace sliceflow::testing
