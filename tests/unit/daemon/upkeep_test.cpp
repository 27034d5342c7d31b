#include "server/daemon/upkeep.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "server/daemon/readiness.h"
#include "tests/support/patience.h"

namespace sliceflow::daemon {
namespace {

using sliceflow::testing::kPatience;

TEST(Upkeep, SweepsThenTellsWhatTheCheckFound) {
  absl::Notification checked;
  std::atomic<int> sweeps{0}, drops{0};
  UpkeepTasks tasks;
  tasks.sweep = [&] {
    ++sweeps;
    return absl::OkStatus();
  };
  tasks.drop = [&] {
    ++drops;
    return absl::OkStatus();
  };
  tasks.check = [] { return absl::DataLossError("page 7"); };
  tasks.stop_check = [] {};
  tasks.report = [&](const std::string& /*task*/, const absl::Status& status, absl::Duration /*duration*/) {
    if (!status.ok()) checked.Notify();
  };
  Upkeep upkeep(tasks);
  ASSERT_TRUE(checked.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(sweeps, 1);
  EXPECT_EQ(drops, 1);
  const absl::Time deadline = absl::Now() + kPatience;
  while (upkeep.integrity().ok() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(upkeep.integrity(), absl::DataLossError("page 7"));
}

TEST(Upkeep, ACheckThatRunsIsStopped) {
  absl::Notification running, stop;
  UpkeepTasks tasks;
  tasks.sweep = [] { return absl::OkStatus(); };
  tasks.drop = [] { return absl::OkStatus(); };
  tasks.check = [&] {
    running.Notify();
    return stop.WaitForNotificationWithTimeout(kPatience) ? absl::CancelledError("stopped") : absl::InternalError("nobody stopped it");
  };
  tasks.stop_check = [&] { stop.Notify(); };
  std::string reported;
  tasks.report = [&](const std::string& task, const absl::Status&, absl::Duration) { reported += task; };
  auto upkeep = std::make_unique<Upkeep>(tasks);
  ASSERT_TRUE(running.WaitForNotificationWithTimeout(kPatience));
  upkeep.reset();
  EXPECT_EQ(reported, "sweep of filesremoval of abandoned uploads") << "a check that was stopped says nothing of the database";
}

TEST(Readiness, BeginsAndEndsAsNotReady) {
  Readiness readiness;
  EXPECT_FALSE(readiness.status().ok());
  readiness.Set(absl::OkStatus());
  EXPECT_TRUE(readiness.status().ok());
  readiness.Stop();
  readiness.Set(absl::OkStatus());
  EXPECT_EQ(readiness.status().message(), "the server is stopping");
}

}  // namespace
}  // namespace sliceflow::daemon
