// Waits for a length of time that setting the machine's clock neither cuts short nor draws out.
#pragma once

#include <condition_variable>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sliceflow {

// Abseil's own waits with a timeout (AwaitWithTimeout, WaitForNotificationWithTimeout, absl::CondVar) end at a moment of the wall clock, in
// the versions that distributions have: where the clock is set back by hours meanwhile, a wait of a second takes hours. Thread-safe.
class SteadyCondVar {
 public:
  SteadyCondVar() = default;
  SteadyCondVar(const SteadyCondVar&) = delete;
  SteadyCondVar& operator=(const SteadyCondVar&) = delete;

  // Lets go of `mutex` until SignalAll is called or the time is up; sometimes for less.
  void WaitWithTimeout(absl::Mutex& mutex, absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // Lets go of `mutex` until `condition`, which is evaluated under it, holds; false when it does not once the time is up. Unlike that of
  // absl::Mutex::Await the condition is looked at only after SignalAll.
  bool AwaitWithTimeout(absl::Mutex& mutex, absl::FunctionRef<bool()> condition, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // What conditions look at has changed, under the mutex.
  void SignalAll() { changed_.notify_all(); }

 private:
  std::condition_variable_any changed_;
};

// As absl::Notification. Thread-safe.
class SteadyNotification {
 public:
  void Notify();
  bool HasBeenNotified() const;
  // Whether it came within the time.
  bool WaitForNotificationWithTimeout(absl::Duration timeout) const;

 private:
  mutable absl::Mutex mutex_;
  mutable SteadyCondVar changed_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sliceflow
