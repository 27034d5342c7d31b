// Worker processes: kept alive, killed, and never left behind. Shell scripts stand in for workers.
#include "server/scheduler/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace sliceflow::scheduler {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(20);

class SupervisorTest : public ::testing::Test {
 protected:
  void Start(const std::string& script, SupervisorOptions options = {}) {
    options.log = [this](const std::string& id, absl::string_view line) {
      absl::MutexLock lock(&mutex_);
      lines_.push_back(absl::StrCat(id, ": ", line));
    };
    supervisor_ = std::make_unique<Supervisor>(std::vector<WorkerProgram>{{"w", "/bin/sh", {"-c", script}}}, options);
    supervisor_->Start();
  }

  // The `count`-th line that contains `text`; empty when it does not come.
  std::string WaitForLine(const std::string& text, int count = 1) {
    std::string line;
    const auto there = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      int seen = 0;
      for (const std::string& candidate : lines_) {
        if (candidate.find(text) == std::string::npos || ++seen < count) continue;
        line = candidate;
        return true;
      }
      return false;
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience);
    return line;
  }

  static pid_t PidOf(const std::string& line) {
    int pid = 0;
    EXPECT_TRUE(absl::SimpleAtoi(line.substr(line.rfind(' ') + 1), &pid)) << line;
    return pid;
  }

  absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Supervisor> supervisor_;
};

TEST_F(SupervisorTest, LogsWhatAWorkerWritesAndStartsItAgain) {
  Start("echo to output; echo to error >&2; exit 3");
  EXPECT_EQ(WaitForLine("to output"), "w: to output");
  EXPECT_EQ(WaitForLine("to error"), "w: to error");
  EXPECT_THAT(WaitForLine("ended with status 3"), HasSubstr("started again in 100ms"));
  EXPECT_THAT(WaitForLine("ended with status 3", 2), HasSubstr("started again in 200ms"));
}

TEST_F(SupervisorTest, KilledWorkerIsReplaced) {
  Start("echo pid $$; exec sleep 1000");
  const pid_t first = PidOf(WaitForLine("pid"));
  ASSERT_EQ(kill(first, SIGKILL), 0);
  const pid_t second = PidOf(WaitForLine("pid", 2));
  EXPECT_NE(first, second);
  EXPECT_THAT(WaitForLine("killed by signal 9"), HasSubstr("Killed"));
  EXPECT_TRUE(supervisor_->health().ok());
}

TEST_F(SupervisorTest, KillEndsOnlyTheProcessThatIsMeant) {
  Start("echo pid $$; exec sleep 1000");
  const pid_t pid = PidOf(WaitForLine("pid"));
  supervisor_->Kill("w", pid + 1);
  supervisor_->Kill("other", pid);
  EXPECT_EQ(kill(pid, 0), 0);
  supervisor_->Kill("w", pid);
  EXPECT_NE(PidOf(WaitForLine("pid", 2)), pid);
}

TEST_F(SupervisorTest, SaysWhichWorkerCannotBeKeptAlive) {
  SupervisorOptions options;
  options.first_delay = absl::Milliseconds(1);
  options.longest_delay = absl::Milliseconds(1);
  options.max_failures = 2;
  Start("exit 1", options);
  WaitForLine("ended with status", 4);
  EXPECT_THAT(supervisor_->health().message(), HasSubstr("worker w"));
}

TEST_F(SupervisorTest, StopLeavesNoneBehind) {
  Start("trap '' TERM; echo pid $$; while true; do sleep 1; done");
  const pid_t pid = PidOf(WaitForLine("pid"));
  supervisor_->Stop(absl::Now() + absl::Milliseconds(100));
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(SupervisorTest, ProgramThatIsNotThereIsNamedInTheLog) {
  supervisor_ = std::make_unique<Supervisor>(std::vector<WorkerProgram>{{"w", "/nowhere/sliceflow-worker", {}}},
                                             SupervisorOptions{.log = [this](const std::string&, absl::string_view line) {
                                               absl::MutexLock lock(&mutex_);
                                               lines_.emplace_back(line);
                                             }});
  supervisor_->Start();
  EXPECT_THAT(WaitForLine("cannot be executed"), HasSubstr("No such file"));
}

}  // namespace
}  // namespace sliceflow::scheduler
