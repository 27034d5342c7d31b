// Waits end by what they wait for, and by their time. That they keep to the steady clock is seen in tests/faults, where the other is set.
#include "common/steady_wait.h"

#include <gtest/gtest.h>

#include <thread>

namespace sliceflow {
namespace {

TEST(SteadyWaitTest, ANotificationIsSeenByWhoeverWaits) {
  SteadyNotification notification;
  EXPECT_FALSE(notification.HasBeenNotified());
  EXPECT_FALSE(notification.WaitForNotificationWithTimeout(absl::Milliseconds(1)));
  EXPECT_FALSE(notification.WaitForNotificationWithTimeout(-absl::InfiniteDuration()));
  std::thread notifier([&] { notification.Notify(); });
  EXPECT_TRUE(notification.WaitForNotificationWithTimeout(absl::InfiniteDuration()));
  notifier.join();
  EXPECT_TRUE(notification.HasBeenNotified());
  EXPECT_TRUE(notification.WaitForNotificationWithTimeout(absl::ZeroDuration()));
}

TEST(SteadyWaitTest, AConditionIsLookedAtAfterEachSignal) {
  absl::Mutex mutex;
  SteadyCondVar changed;
  int value = 0;
  std::thread counter([&] {
    for (int i = 0; i < 100; ++i) {
      absl::MutexLock lock(&mutex);
      ++value;
      changed.SignalAll();
    }
  });
  {
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(changed.AwaitWithTimeout(
        mutex, [&] { return value >= 100; }, absl::InfiniteDuration()));
    EXPECT_FALSE(changed.AwaitWithTimeout(
        mutex, [&] { return value > 100; }, absl::Milliseconds(1)));
  }
  counter.join();
}

}  // namespace
}  // namespace sliceflow
