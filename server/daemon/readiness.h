// Whether clients should be sent here, and if not, why.
#pragma once

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace sliceflow::daemon {

// Begins as not ready, and ends so. Thread-safe.
class Readiness {
 public:
  // What health checks found; Ok makes it ready. Nothing after Stop.
  void Set(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) status_ = std::move(status);
  }

  void Stop() {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    status_ = absl::UnavailableError("the server is stopping");
  }

  absl::Status status() const {
    absl::MutexLock lock(&mutex_);
    return status_;
  }

 private:
  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_) = absl::UnavailableError("the server is starting");
};

}  // namespace sliceflow::daemon
