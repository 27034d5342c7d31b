#include "common/steady_wait.h"

#include <algorithm>

#include "common/clock.h"

namespace sliceflow {
namespace {

// Longer waits are made of several, so that no sum of times overflows.
constexpr absl::Duration kLongestWait = absl::Hours(24);

// An absl::Mutex by the names of the standard library. Who waits holds it before and after.
class Lockable {
 public:
  explicit Lockable(absl::Mutex& mutex) : mutex_(mutex) {}
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.Lock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.Unlock(); }

 private:
  absl::Mutex& mutex_;
};

}  // namespace

void SteadyCondVar::WaitWithTimeout(absl::Mutex& mutex, absl::Duration timeout) {
  Lockable lockable(mutex);
  changed_.wait_for(lockable, absl::ToChronoNanoseconds(std::min(timeout, kLongestWait)));
}

bool SteadyCondVar::AwaitWithTimeout(absl::Mutex& mutex, absl::FunctionRef<bool()> condition, absl::Duration timeout) {
  const absl::Duration end = Uptime() + timeout;
  while (!condition()) {
    const absl::Duration left = end - Uptime();
    if (left <= absl::ZeroDuration()) return false;
    WaitWithTimeout(mutex, left);
  }
  return true;
}

void SteadyNotification::Notify() {
  absl::MutexLock lock(&mutex_);
  notified_ = true;
  changed_.SignalAll();
}

bool SteadyNotification::HasBeenNotified() const {
  absl::MutexLock lock(&mutex_);
  return notified_;
}

bool SteadyNotification::WaitForNotificationWithTimeout(absl::Duration timeout) const {
  const auto notified = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return notified_; };
  absl::MutexLock lock(&mutex_);
  return changed_.AwaitWithTimeout(mutex_, notified, timeout);
}

}  // namespace sliceflow
