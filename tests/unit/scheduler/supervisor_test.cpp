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
#include "tests/support/patience.h"

namespace sliceflow::scheduler {
namespace {

using sliceflow::testing::kPatience;
using ::testing::HasSubstr;

class SupervisorTest : public ::testing::Test {
 protected:
  void Start(const std::string& script, SupervisorOptions options = {}) {
    Start(std::vector<WorkerProgram>{{"w", "/bin/sh", {"-c", script}, "cpu"}}, options);
  }
  void Start(const std::vector<WorkerProgram>& programs, SupervisorOptions options) {
    options.log = [this](const std::string& id, const std::string& job, absl::string_view line) {
      absl::MutexLock lock(&mutex_);
      lines_.push_back(absl::StrCat(id, job.empty() ? "" : " at ", job, ": ", line));
    };
    options.warn = options.log;
    supervisor_ = std::make_unique<Supervisor>(programs, options);
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

  // Waits until the device is healthy, or is not for a reason that contains `problem`.
  bool WaitForHealth(const std::string& problem) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (absl::Now() < deadline) {
      const absl::Status health = supervisor_->device_health("cpu");
      if (problem.empty() ? health.ok() : health.message().find(problem) != std::string::npos) return true;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return false;
  }

  static SupervisorOptions Hurried(int max_failures) {
    SupervisorOptions options;
    options.first_delay = absl::Milliseconds(1);
    options.longest_delay = absl::Milliseconds(1);
    options.max_failures = max_failures;
    return options;
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
  const pid_t first = PidOf(WaitForLine("w: pid"));
  ASSERT_EQ(kill(first, SIGKILL), 0);
  const pid_t second = PidOf(WaitForLine("w: pid", 2));
  EXPECT_NE(first, second);
  EXPECT_THAT(WaitForLine("killed by signal 9"), HasSubstr("Killed"));
  EXPECT_TRUE(supervisor_->device_health("cpu").ok());
}

TEST_F(SupervisorTest, KillEndsOnlyTheProcessThatIsMeant) {
  Start("echo pid $$; exec sleep 1000");
  const pid_t pid = PidOf(WaitForLine("w: pid"));
  supervisor_->Kill("w", pid + 1);
  supervisor_->Kill("other", pid);
  EXPECT_EQ(kill(pid, 0), 0);
  supervisor_->Kill("w", pid);
  EXPECT_NE(PidOf(WaitForLine("w: pid", 2)), pid);
}

TEST_F(SupervisorTest, DeviceWhoseWorkersEndAtOnceIsNotHealthyAndTheReasonIsTold) {
  Start("echo no such library; exit 3", Hurried(5));
  EXPECT_TRUE(WaitForHealth("worker w ended 5 times in a row, at last it ended with status 3: no such library"));
  EXPECT_TRUE(supervisor_->device_health("cuda:0").ok()) << "another device has nothing to do with it";
}

TEST_F(SupervisorTest, EndsOfWorkersThatDidSomethingAreNotCounted) {
  Start("echo pid $$; exec sleep 1000", Hurried(2));
  for (int count = 1; count <= 4; ++count) {
    const pid_t pid = PidOf(WaitForLine("w: pid", count));
    supervisor_->OnAdmitted("w", pid);
    supervisor_->OnServed("w", pid);
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    WaitForLine("killed by signal 9", count);
    EXPECT_TRUE(supervisor_->device_health("cpu").ok());
  }
}

TEST_F(SupervisorTest, DeviceIsHealthyAgainOnceAWorkerStays) {
  SupervisorOptions options = Hurried(2);
  options.stays_after = absl::Milliseconds(1);
  // Ends twice, and stays the third time.
  const std::string once = absl::StrCat(::testing::TempDir(), "/supervisor_test_", getpid());
  Start(absl::StrCat("echo x >> ", once, "; [ $(wc -l < ", once, ") -lt 3 ] && exit 1; echo pid $$; exec sleep 1000"), options);
  EXPECT_TRUE(WaitForHealth("ended 2 times"));
  const pid_t pid = PidOf(WaitForLine("w: pid"));
  EXPECT_FALSE(supervisor_->device_health("cpu").ok()) << "it has not attached yet";
  supervisor_->OnAdmitted("w", pid);
  EXPECT_TRUE(WaitForHealth(""));
  unlink(once.c_str());
}

TEST_F(SupervisorTest, RefusedWorkerIsToldOfItsDeviceUntilOneDoesSomething) {
  Start("echo pid $$; exec sleep 1000");
  const pid_t pid = PidOf(WaitForLine("w: pid"));
  supervisor_->OnRefused("w", pid + 1, absl::FailedPreconditionError("another process"));
  EXPECT_TRUE(supervisor_->device_health("cpu").ok());
  supervisor_->OnRefused("w", pid, absl::FailedPreconditionError("the worker is of version 0"));
  EXPECT_THAT(std::string(supervisor_->device_health("cpu").message()), HasSubstr("worker w was refused: the worker is of version 0"));
  supervisor_->OnServed("w", pid);
  EXPECT_TRUE(supervisor_->device_health("cpu").ok());
}

TEST_F(SupervisorTest, WorkerThatDoesNotAttachInTimeIsKilledAndItsDeviceIsNotHealthy) {
  SupervisorOptions options;
  options.attach_timeout = absl::Milliseconds(50);
  Start("echo pid $$; exec sleep 1000", options);
  const pid_t pid = PidOf(WaitForLine("w: pid"));
  EXPECT_THAT(WaitForLine("did not attach within 50ms and was killed"), HasSubstr("started again"));
  EXPECT_THAT(supervisor_->DescribeEnd("w", pid), HasSubstr("did not attach within 50ms"));
  EXPECT_THAT(std::string(supervisor_->device_health("cpu").message()), HasSubstr("did not attach"));
}

TEST_F(SupervisorTest, ADeviceGetsNoJobsWhileItsWorkerForJobsCannotBeKeptAlive) {
  SupervisorOptions options = Hurried(2);
  options.stays_after = absl::Milliseconds(1);
  const std::string once = absl::StrCat(::testing::TempDir(), "/supervisor_test_jobs_", getpid());
  Start(absl::StrCat("echo x >> ", once, "; [ $(wc -l < ", once, ") -lt 3 ] && exit 1; echo pid $$; exec sleep 1000"), options);
  const pid_t pid = PidOf(WaitForLine("w: pid"));
  EXPECT_FALSE(supervisor_->gets_jobs("cpu"));
  EXPECT_TRUE(supervisor_->gets_jobs("cuda:0"));
  supervisor_->OnAdmitted("w", pid);
  EXPECT_TRUE(WaitForHealth(""));
  EXPECT_TRUE(supervisor_->gets_jobs("cpu"));
  unlink(once.c_str());
}

// Whoever may ask can end the worker that answers, as often as they like.
TEST_F(SupervisorTest, AWorkerForShortRequestsThatFailsHoldsUpNoJobs) {
  Start({{"w", "/bin/sh", {"-c", "exec sleep 1000"}, "cpu"}, {"q", "/bin/sh", {"-c", "exit 1"}, "cpu", /*takes_jobs=*/false}}, Hurried(2));
  EXPECT_TRUE(WaitForHealth("worker q ended 2 times"));
  EXPECT_TRUE(supervisor_->gets_jobs("cpu"));
}

TEST_F(SupervisorTest, LinesOfAWorkerCarryTheJobThatItHas) {
  Start("echo pid $$; while true; do echo humming; sleep 0.05; done");
  const pid_t pid = PidOf(WaitForLine("w: pid"));
  supervisor_->OnAssigned("w", pid, "jobs/a");
  EXPECT_EQ(WaitForLine("w at jobs/a"), "w at jobs/a: humming");
  supervisor_->OnAssigned("w", pid, "jobs/b");
  supervisor_->OnReleased("w", pid + 1);  // of a process of before
  EXPECT_EQ(WaitForLine("w at jobs/b"), "w at jobs/b: humming");
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  supervisor_->OnReleased("w", pid);  // its stream broke before its end is seen
  EXPECT_THAT(WaitForLine("killed by signal 9"), HasSubstr("w at jobs/b: was killed"));
}

TEST(WorkerJobs, AJobThatWasLetGoOfIsForgottenAfterAMoment) {
  absl::Duration now = absl::Hours(5);
  WorkerJobs jobs([&] { return now; });
  EXPECT_EQ(jobs.Of("w"), "");
  jobs.Begin("w", 1, "jobs/a");
  now += absl::Hours(1);
  EXPECT_EQ(jobs.Of("w"), "jobs/a");
  EXPECT_EQ(jobs.Of("other"), "");
  jobs.End("w", 1);
  now += WorkerJobs::kAfter;
  EXPECT_EQ(jobs.Of("w"), "jobs/a");
  now += absl::Milliseconds(1);
  EXPECT_EQ(jobs.Of("w"), "");
}

// A worker whose stream has ended does no work, whatever its process does.
TEST_F(SupervisorTest, WorkerThatGoesOnWithoutItsStreamIsKilled) {
  SupervisorOptions options;
  options.attach_timeout = absl::Seconds(2);
  Start("echo pid $$; exec sleep 1000", options);
  const pid_t pid = PidOf(WaitForLine("w: pid"));
  supervisor_->OnAdmitted("w", pid);
  supervisor_->OnDetached("w", pid);
  EXPECT_NE(PidOf(WaitForLine("w: pid", 2)), pid);
}

TEST_F(SupervisorTest, EndIsDescribedWithWhatTheWorkerSaidLast) {
  Start("echo pid $$; read line; exit 0");
  EXPECT_THAT(supervisor_->DescribeEnd("w", PidOf(WaitForLine("w: pid"))), HasSubstr("ended with status 0"));
  Start("echo pid $$; echo the cage ends this worker >&2; kill -SYS $$");
  const std::string violated = supervisor_->DescribeEnd("w", PidOf(WaitForLine("w: pid", 2)));
  EXPECT_EQ(violated, "was killed by signal 31 (Bad system call): the cage ends this worker");
}

TEST_F(SupervisorTest, EndByTheSystemIsDescribed) {
  Start("echo pid $$; exec sleep 1000");
  const pid_t pid = PidOf(WaitForLine("w: pid"));
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  EXPECT_THAT(supervisor_->DescribeEnd("w", pid), HasSubstr("was killed by signal 9 (Killed), out of memory?"));
  const pid_t next = PidOf(WaitForLine("w: pid", 2));
  supervisor_->Kill("w", next);
  EXPECT_EQ(supervisor_->DescribeEnd("w", next), "hung and was killed");
}

// Tokens and passwords come into a daemon by its environment.
TEST_F(SupervisorTest, SecretsOfTheEnvironmentAreNotInherited) {
  setenv("SLICEFLOWD_SECRET_FOR_TEST", "hidden", 1);
  setenv("OMP_WAIT_POLICY", "passive", 1);
  Start("env; echo all");
  WaitForLine("w: all");
  unsetenv("SLICEFLOWD_SECRET_FOR_TEST");
  absl::MutexLock lock(&mutex_);
  EXPECT_THAT(lines_, ::testing::Contains("w: OMP_WAIT_POLICY=passive"));
  for (const std::string& line : lines_) {
    EXPECT_THAT(line, ::testing::Not(HasSubstr("hidden")));
    EXPECT_THAT(line, ::testing::Not(HasSubstr("HOME=")));
  }
}

TEST_F(SupervisorTest, FloodOfLinesIsThinned) {
  Start("i=0; while [ $i -lt 3000 ]; do echo noise; i=$((i+1)); done; sleep 1.1; echo calm; sleep 1000");
  EXPECT_THAT(WaitForLine("lines more were left out"), HasSubstr("w: "));
  WaitForLine("calm");
  absl::MutexLock lock(&mutex_);
  EXPECT_LT(lines_.size(), 2000);
}

TEST_F(SupervisorTest, StopLeavesNoneBehind) {
  Start("trap '' TERM; echo pid $$; while true; do sleep 1; done");
  const pid_t pid = PidOf(WaitForLine("w: pid"));
  supervisor_->Stop(absl::Milliseconds(100));
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(SupervisorTest, ProgramThatIsNotThereIsNamedInTheLog) {
  supervisor_ =
      std::make_unique<Supervisor>(std::vector<WorkerProgram>{{"w", "/nowhere/sliceflow-worker", {}}},
                                   SupervisorOptions{.log = [this](const std::string&, const std::string&, absl::string_view line) {
                                     absl::MutexLock lock(&mutex_);
                                     lines_.emplace_back(line);
                                   }});
  supervisor_->Start();
  EXPECT_THAT(WaitForLine("cannot be executed"), HasSubstr("No such file"));
}

}  // namespace
}  // namespace sliceflow::scheduler
