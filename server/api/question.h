// A question to the scheduler as a handler holds it.
#pragma once

#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sliceflow::api {

// A question that may be cancelled before, while or after it is asked. Thread-safe. Shared with the handler: setting the cancellation may
// come after the answer, when the handler is gone.
class Question {
 public:
  void SetCancel(std::function<void()> cancel) {
    {
      const absl::MutexLock lock(&mutex_);
      if (!cancelled_) {
        cancel_ = std::move(cancel);
        return;
      }
    }
    cancel();
  }

  void Cancel() {
    std::function<void()> cancel;
    {
      const absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      cancel = std::move(cancel_);
    }
    if (cancel) cancel();
  }

 private:
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> cancel_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::api
