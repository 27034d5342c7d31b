// The machine's clock is set, by hours and by a second, ahead and back, under a real daemon and real workers: nothing is ended, lost, tried
// again or held up for it. SLICEFLOW_CLOCK_ROUNDS times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/channel.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "tests/faults/reliability.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/bent_clock/bent_clock.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kHours = absl::Hours(10);
// Where the clock is set to, one after the other.
const absl::Duration kJumps[] = {kHours, absl::ZeroDuration(), absl::Seconds(1), -absl::Seconds(1), kHours, -kHours};
// For each: Abseil, which some of the waits and times are told by, looks at the machine's clock only every two seconds.
constexpr absl::Duration kNoticed = absl::Seconds(3);
// Longer than the silence after which a worker is taken for hung, 15 s: one whose heart stands still would be noticed.
constexpr absl::Duration kHeld = absl::Seconds(17);
constexpr int kSteps = 10;
constexpr int kEndless = 5000;  // steps: minutes

v1::Job JobOf(int steps) {
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(steps);
  return job;
}

std::string Reason(const v1::Job& job) { return std::string(sliceflow::Reason(FromRpcStatus(job.error()))); }

// A watch from the beginning to the end of a job, beside the test.
class OpenWatch {
 public:
  OpenWatch(const std::string& address, const std::string& name) : thread_([this, address, name] { Read(address, name); }) {}
  ~OpenWatch() {
    if (thread_.joinable()) thread_.join();
  }

  // How many events are missing or came twice.
  int ExpectWhole() {
    thread_.join();
    EXPECT_TRUE(end_.ok()) << "a watch ended: " << end_.error_code() << ": " << end_.error_message();
    int wrong = 0;
    for (size_t i = 0; i < events_.size(); ++i) wrong += events_[i].sequence() != static_cast<int64_t>(i) + 1;
    EXPECT_EQ(wrong, 0) << "sequence numbers with gaps";
    return wrong;
  }

 private:
  // Again where the client itself has waited for as long as it does.
  void Read(const std::string& address, const std::string& name) {
    do {
      const int64_t last = events_.empty() ? 0 : events_.back().sequence();
      const std::vector<v1::JobEvent> more = Client(address).Watch(name, last, nullptr, &end_);
      events_.insert(events_.end(), more.begin(), more.end());
    } while (end_.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && events_.size() < kMostEvents);
  }

  static constexpr size_t kMostEvents = 2 * kEndless;
  grpc::Status end_;
  std::vector<v1::JobEvent> events_;
  std::thread thread_;
};

class ClockJumpsTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& more_flags = {}) {
    client_.reset();
    daemon_.reset();
    std::vector<std::string> flags{"--worker", clock_.Wrap(SLICEFLOW_BIN_DIR "/sliceflow-worker")};
    flags.insert(flags.end(), more_flags.begin(), more_flags.end());
    daemon_ = std::make_unique<DaemonProcess>(data_.path(), flags, true, clock_.prefix());
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    client_ = std::make_unique<Client>(daemon_->address());
  }

  std::string Create(int steps) { return client_->Create(JobOf(steps)).name(); }

  std::string BitsAtStep(const std::string& name, int step) {
    const std::vector<Tensor> samples = client_->StoredSamples(name);
    EXPECT_GT(samples.size(), static_cast<size_t>(step)) << name;
    return samples.size() > static_cast<size_t>(step) ? PackValues(samples[step].values) : "";
  }

  void ExpectSucceeded(const std::string& name, int assignments) {
    const v1::Job job = client_->WaitForEnd(name);
    EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << job.ShortDebugString() << daemon_->Log();
    EXPECT_EQ(job.progress().assignments(), assignments) << daemon_->Log();
    EXPECT_GE(job.progress().run_seconds(), 0);
    EXPECT_TRUE(BitsAtStep(name, kSteps) == undisturbed_) << name << ": other bits than undisturbed";
  }

  // The step after those that a job has; its worker goes on.
  void ExpectNextStep(const std::string& name) { client_->WaitForStep(name, client_->Get(name).progress().completed_steps() + 1); }

  TempFolder data_;
  TempFolder clock_folder_;
  BentClock clock_{clock_folder_.path()};
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<Client> client_;
  std::string undisturbed_;
};

TEST_F(ClockJumpsTest, RunningAndWaitingJobsWatchesAndWorkersGoOnAsIfNothingHadHappened) {
  const int rounds = Tries("SLICEFLOW_CLOCK_ROUNDS", 1);
  Start();
  const std::string before = Create(kSteps);
  ASSERT_EQ(client_->WaitForEnd(before).state(), v1::Job::SUCCEEDED) << daemon_->Log();
  undisturbed_ = BitsAtStep(before, kSteps);
  const pid_t flow_worker = daemon_->WorkerPid("flow");
  const pid_t query_worker = daemon_->WorkerPid("query");
  int lost = 0;
  for (int round = 0; round < rounds; ++round) {
    v1::Job endless = JobOf(kEndless);
    endless.mutable_limits()->set_max_run_seconds(3600);
    const std::string running = client_->Create(endless).name();
    const std::string queued = Create(kSteps);
    OpenWatch watch_of_running(daemon_->address(), running);
    OpenWatch watch_of_queued(daemon_->address(), queued);
    client_->WaitForStep(running, 1);
    for (const absl::Duration jump : kJumps) {
      clock_.Set(jump);
      ExpectNextStep(running);
      Tensor drawn;
      EXPECT_TRUE(client_->Sample(running, 1, 10, 1, drawn).ok()) << "queries are answered";
      absl::SleepFor(kNoticed);
      ExpectNextStep(running);
    }
    absl::SleepFor(kHeld);
    EXPECT_EQ(client_->Get(running).state(), v1::Job::RUNNING) << daemon_->Log();
    EXPECT_EQ(client_->Get(running).progress().assignments(), 1);
    EXPECT_EQ(client_->Get(queued).state(), v1::Job::QUEUED);
    EXPECT_TRUE(client_->Cancel(running).ok());
    EXPECT_TRUE(BitsAtStep(running, kSteps) == undisturbed_) << "other bits than undisturbed";
    ExpectSucceeded(queued, 1);
    lost += watch_of_running.ExpectWhole() + watch_of_queued.ExpectWhole();
    clock_.Set(absl::ZeroDuration());
  }
  EXPECT_EQ(daemon_->WorkerPid("flow"), flow_worker) << "a worker was replaced";
  EXPECT_EQ(daemon_->WorkerPid("query"), query_worker) << "a worker was replaced";
  EXPECT_THAT(daemon_->Log(), Not(HasSubstr("hung")));
  WriteFaultRecord("clock_jumps", {.fault = "the clock is set by 10 h or 1 s, ahead or back",
                                   .tries = rounds * static_cast<int>(std::size(kJumps)),
                                   .lost = lost,
                                   .note = "jobs running and queued, watches, queries, workers; same bits"});
}

TEST_F(ClockJumpsTest, AJobThatWaitsForItsRetryIsTriedAgain) {
  Start();
  const std::string before = Create(kSteps);
  ASSERT_EQ(client_->WaitForEnd(before).state(), v1::Job::SUCCEEDED) << daemon_->Log();
  undisturbed_ = BitsAtStep(before, kSteps);
  for (const absl::Duration jump : {-kHours, kHours}) {
    clock_.Set(absl::ZeroDuration());
    const std::string name = Create(kSteps);
    client_->WaitForStep(name, 2);
    ASSERT_EQ(kill(daemon_->WorkerPid("flow"), SIGKILL), 0);
    client_->Watch(name, 0, [](const v1::JobEvent& event) {
      return event.has_state_changed() && event.state_changed().state() == v1::Job::QUEUED && event.sequence() > 1;
    });
    clock_.Set(jump);
    ExpectSucceeded(name, 2);
  }
  WriteFaultRecord("clock_jumps_retry", {.fault = "the clock is set while a job waits for its retry", .tries = 2, .note = "same bits"});
}

TEST_F(ClockJumpsTest, ALimitOfTimeHoldsWhereverTheClockIsSet) {
  Start();
  v1::Job endless = JobOf(kEndless);
  endless.mutable_limits()->set_max_run_seconds(2);
  const std::string name = client_->Create(endless).name();
  client_->WaitForStep(name, 1);
  clock_.Set(-kHours);
  const v1::Job job = client_->WaitForEnd(name);
  EXPECT_EQ(job.state(), v1::Job::FAILED) << daemon_->Log();
  EXPECT_EQ(Reason(job), "TIME_LIMIT");
  EXPECT_EQ(job.progress().assignments(), 1);
  EXPECT_GE(job.progress().run_seconds(), 2);
}

// With a worker that does not end when it is asked to, so that the daemon waits for as long as it may.
TEST_F(ClockJumpsTest, AStopComesToItsEndWhileTheClockIsSetBack) {
  Start({"--shutdown-time", "6s"});
  const std::string name = Create(kEndless);
  client_->WaitForStep(name, 1);
  ASSERT_EQ(kill(daemon_->WorkerPid("flow"), SIGSTOP), 0);
  ASSERT_EQ(kill(daemon_->pid(), SIGTERM), 0);
  grpc::Status told;
  client_->Watch(name, 0, nullptr, &told);  // ends as the daemon begins to wait
  EXPECT_EQ(told.error_code(), grpc::StatusCode::UNAVAILABLE);
  absl::SleepFor(absl::Seconds(1));  // so that it is in the middle of the wait
  clock_.Set(-kHours);
  const absl::Time set = absl::Now();
  EXPECT_EQ(daemon_->Wait(), 0);
  EXPECT_LT(absl::Now() - set, absl::Seconds(12)) << "not by its own time, but because the worker was taken for hung";
}

TEST_F(ClockJumpsTest, ARestartWithTheClockSetBackGoesOnInOrder) {
  clock_.Set(kHours);
  Start();
  std::vector<std::string> names{Create(kSteps)};
  ASSERT_EQ(client_->WaitForEnd(names[0]).state(), v1::Job::SUCCEEDED) << daemon_->Log();
  undisturbed_ = BitsAtStep(names[0], kSteps);
  names.push_back(Create(kSteps));
  names.push_back(Create(kSteps));
  client_->WaitForStep(names[1], 2);
  daemon_->Kill();
  clock_.Set(absl::ZeroDuration());
  Start();
  names.push_back(Create(kSteps));
  ExpectSucceeded(names[1], 2);
  for (const size_t later : {2, 3}) ExpectSucceeded(names[later], 1);
  EXPECT_LT(client_->Get(names[3]).create_time().seconds(), client_->Get(names[2]).create_time().seconds()) << "the clock was not set back";
  EXPECT_EQ(client_->ListNames(), std::vector<std::string>(names.rbegin(), names.rend())) << "the newest first, whatever its time says";
  std::vector<int64_t> sequences;
  for (const v1::JobEvent& event : client_->Watch(names[1])) sequences.push_back(event.sequence());
  for (size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(sequences[i], static_cast<int64_t>(i) + 1);
  WriteFaultRecord("clock_jumps_restart",
                   {.fault = "kill -9, and a restart with the clock 10 h back", .tries = 1, .note = "order, sequence numbers, same bits"});
}

// A token's end is a moment, which a clock that is set back puts off; what was revoked stays so.
TEST_F(ClockJumpsTest, ARevokedTokenStaysRevokedAndAnExpiredOneIsExpired) {
  const auto token_command = [&](std::vector<std::string> arguments) {
    std::vector<std::string> command = clock_.prefix();
    command.insert(command.end(), {SLICEFLOW_BIN_DIR "/sliceflowd", "--data-dir", data_.path(), "token"});
    command.insert(command.end(), arguments.begin(), arguments.end());
    return RunCommand(command);
  };
  const auto create = [&] {
    const CommandResult result = token_command({"create", "--owner", "ada", "--role", "user", "--expires", "1d"});
    const size_t begin = result.output.find("sft_");
    EXPECT_NE(begin, std::string::npos) << result.output;
    return begin == std::string::npos ? "" : result.output.substr(begin, result.output.find('\n', begin) - begin);
  };
  const auto reason_of = [&](const std::string& token) {
    grpc::ClientContext context;
    v1::ServerInfo info;
    const auto channel = client::OpenChannel(daemon_->address(), {.token = token}).value();
    return std::string(sliceflow::Reason(FromGrpcStatus(v1::ServerService::NewStub(channel)->GetServerInfo(&context, {}, &info))));
  };
  const std::string revoked = create();
  const std::string token = create();
  ASSERT_EQ(token_command({"revoke", revoked.substr(4, revoked.rfind('_') - 4)}).exit_code, 0);
  Start({"--authentication", "tokens"});
  EXPECT_EQ(reason_of(token), "");
  clock_.Set(absl::Hours(25));
  const absl::Time patience = absl::Now() + kPatience;
  while (reason_of(token).empty() && absl::Now() < patience) absl::SleepFor(absl::Milliseconds(50));  // the daemon's Abseil may notice late
  EXPECT_EQ(reason_of(token), "TOKEN_EXPIRED");
  clock_.Set(-kHours);
  daemon_->Kill();
  Start({"--authentication", "tokens"});
  EXPECT_EQ(reason_of(token), "") << "its time has not come";
  EXPECT_EQ(reason_of(revoked), "TOKEN_INVALID");
}

}  // namespace
}  // namespace sliceflow::testing
