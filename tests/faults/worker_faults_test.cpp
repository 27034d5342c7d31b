// Workers that run out of memory, hang, start slowly, are of another version, die at once, or try to break out: real processes. The job
// goes on or fails with the reason, and only the device's health says that it does not serve.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "tests/integration/client.h"
#include "tests/integration/health.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const char kDevice[] = "sliceflow.v1.Device/cpu";
const char kWorker[] = SLICEFLOW_BIN_DIR "/sliceflow-worker";

// Sanitizers map more memory than a cage allows, and look into processes: with them there is none.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class WorkerFaultsTest : public ::testing::Test {
 protected:
  // A program that goes wrong until Mend is called, and is a worker from then on. `wrong` is what a shell does.
  std::string Until(const std::string& wrong) {
    std::string path = folder_.path() + "/worker";
    std::ofstream(path) << "#!/bin/sh\n[ -e " << mended_ << " ] && exec " << kWorker << " \"$@\"\n" << wrong << "\n";
    chmod(path.c_str(), 0755);
    return path;
  }
  void Mend() { std::ofstream(mended_) << "mended"; }

  // A worker of tests/faults/faulty_worker.cpp that has a fault.
  std::string Faulty(const std::string& fault) {
    const std::string path = folder_.path() + "/" + fault;
    std::filesystem::create_symlink(SLICEFLOW_BIN_DIR "/../tests/faulty_worker", path);
    return absl::StrCat("exec ", path, " \"$@\"");
  }

  // Not served is the device, and nothing else.
  static void ExpectOnlyDeviceNotServing(DaemonProcess& daemon) {
    EXPECT_TRUE(WaitForServing(daemon.address(), kDevice, false)) << daemon.Log();
    for (const char* service : {"", "sliceflow.v1.JobService", "sliceflow.v1.DatasetService", "sliceflow.v1.ServerService"}) {
      EXPECT_TRUE(IsServing(daemon.address(), service)) << service;
    }
    EXPECT_FALSE(Client(daemon.address()).Info().devices(0).healthy());
  }

  static std::string Problem(DaemonProcess& daemon) { return Client(daemon.address()).Info().devices(0).problem(); }

  static void ExpectRecovery(DaemonProcess& daemon) {
    EXPECT_TRUE(WaitForServing(daemon.address(), kDevice, true)) << daemon.Log();
    const v1::Device device = Client(daemon.address()).Info().devices(0);
    EXPECT_TRUE(device.healthy());
    EXPECT_EQ(device.problem(), "");
  }

  static v1::Job Quick() {
    v1::Job job = ParticlesJob();
    job.mutable_spec()->mutable_schedule()->set_num_steps(2);
    job.mutable_spec()->mutable_solver()->mutable_sw_jko()->set_inner_iterations(20);
    return job;
  }

  // A batch whose values in the hidden layers take some gigabytes.
  static v1::Job Huge() {
    v1::Job job = RealNvpJob();
    job.mutable_spec()->mutable_solver()->mutable_sw_jko()->set_batch_size(100'000);
    job.mutable_spec()->mutable_model()->mutable_real_nvp()->set_hidden_width(400);
    return job;
  }

  // Why a job changed its state, each time it did.
  static std::vector<std::string> Reasons(Client& client, const std::string& name) {
    std::vector<std::string> reasons;
    for (const v1::JobEvent& event : client.Watch(name)) {
      if (event.has_state_changed()) reasons.push_back(event.state_changed().reason());
    }
    return reasons;
  }

  static std::string ReasonOf(const v1::Job& job) { return std::string(Reason(FromRpcStatus(job.error()))); }

  TempFolder folder_;
  TempFolder data_;
  const std::string mended_ = folder_.path() + "/mended";
};

TEST_F(WorkerFaultsTest, OutOfMemoryUnderALimitIsTheJobsErrorAndNobodyElses) {
  if (kSanitized) GTEST_SKIP() << "a build with sanitizers has no cage";
  DaemonProcess daemon(data_.path());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  v1::Job huge = Huge();
  huge.mutable_limits()->set_max_memory_bytes(int64_t{256} << 20);
  const v1::Job job = client.WaitForEnd(client.Create(huge).name());
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_EQ(ReasonOf(job), "MEMORY_LIMIT") << job.error().message() << daemon.Log();
  EXPECT_EQ(client.WaitForEnd(client.Create(Quick()).name()).state(), v1::Job::SUCCEEDED) << daemon.Log();
  EXPECT_TRUE(IsServing(daemon.address(), kDevice));
}

TEST_F(WorkerFaultsTest, WhatNoDeviceHasTheMemoryForIsRefusedBeforeItRuns) {
  DaemonProcess daemon(data_.path(), {"--worker-memory-bytes", absl::StrCat(int64_t{1} << 30)});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  v1::CreateJobRequest request;
  *request.mutable_job() = Huge();
  v1::Job job;
  const grpc::Status refused = Client(daemon.address()).TryCreate(request, job);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("1073741824"));
}

// A control group of the worker's own, removed again; empty where this user may make none.
class MemoryGroup {
 public:
  MemoryGroup(pid_t process, int64_t most) {
    const std::string name = absl::StrCat("/sliceflow-test-", getpid());
    for (const char* root : {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"}) {
      const std::string file = root + name + (std::string(root) == "/sys/fs/cgroup" ? "/memory.max" : "/memory.limit_in_bytes");
      std::error_code error;
      if (!std::filesystem::create_directory(root + name, error)) continue;
      path_ = root + name;
      std::ofstream(file) << most << std::flush;
      std::ofstream(path_ + "/cgroup.procs") << process << std::flush;
      std::ifstream members(path_ + "/cgroup.procs");
      if (pid_t member = 0; members >> member && member == process && std::filesystem::exists(file)) return;
      Remove();
    }
  }
  ~MemoryGroup() { Remove(); }
  bool ok() const { return !path_.empty(); }

 private:
  void Remove() {
    if (!path_.empty()) rmdir(path_.c_str());
    path_.clear();
  }
  std::string path_;
};

TEST_F(WorkerFaultsTest, WorkerKilledForMemoryIsReplacedAndTheReasonIsTold) {
  DaemonProcess daemon(data_.path());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  ASSERT_EQ(client.WaitForEnd(client.Create(Quick()).name()).state(), v1::Job::SUCCEEDED);
  const pid_t worker = daemon.WorkerPid("flow");
  const MemoryGroup group(worker, int64_t{64} << 20);  // what it holds already is not counted
  if (!group.ok()) GTEST_SKIP() << "this user may make no control group with a bound on memory";
  v1::Job job = RealNvpJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(1);
  v1::SwJko& solver = *job.mutable_spec()->mutable_solver()->mutable_sw_jko();
  solver.set_batch_size(20'000);
  solver.set_inner_iterations(2);
  solver.set_num_projections(10);
  job.mutable_spec()->mutable_model()->mutable_real_nvp()->set_hidden_width(200);
  const std::string name = client.Create(job).name();
  EXPECT_TRUE(WaitUntilGone(worker));
  EXPECT_EQ(client.WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon.Log();
  EXPECT_THAT(Reasons(client, name), Contains(HasSubstr("killed by signal 9 (Killed), out of memory?")));
}

// Takes the scheduler's heartbeat timeout of 15 s.
TEST_F(WorkerFaultsTest, HungWorkerIsReplacedAndItsJobGoesOn) {
  DaemonProcess daemon(data_.path());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  const std::string name = client.Create(RealNvpJob()).name();
  client.WaitForStep(name, 1);
  const pid_t worker = daemon.WorkerPid("flow");
  ASSERT_EQ(kill(worker, SIGSTOP), 0);
  const v1::Job job = client.WaitForEnd(name);
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << daemon.Log();
  EXPECT_EQ(job.progress().assignments(), 2);
  EXPECT_THAT(Reasons(client, name), Contains(HasSubstr("hung and was killed")));
  EXPECT_TRUE(WaitUntilGone(worker));
}

TEST_F(WorkerFaultsTest, SlowToStartIsToldOfTheDeviceAndItsJobWaits) {
  DaemonProcess daemon(data_.path(), {"--worker", Until("exec sleep 1000"), "--worker-attach-timeout", "1s"});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  const std::string name = client.Create(Quick()).name();
  ExpectOnlyDeviceNotServing(daemon);
  EXPECT_THAT(Problem(daemon), HasSubstr("did not attach within 1s"));
  EXPECT_EQ(client.Get(name).state(), v1::Job::QUEUED);
}

TEST_F(WorkerFaultsTest, WrongVersionIsToldOfTheDeviceUntilAWorkerStays) {
  DaemonProcess daemon(data_.path(), {"--worker", Until(Faulty("wrong_version"))});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  const std::string name = client.Create(Quick()).name();
  ExpectOnlyDeviceNotServing(daemon);
  EXPECT_THAT(Problem(daemon), HasSubstr("was refused: the worker is of version"));
  Mend();
  EXPECT_EQ(client.WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon.Log();
  ExpectRecovery(daemon);
}

TEST_F(WorkerFaultsTest, DyingAtOnceFiveTimesFailsTheJobWithTheReasonAndIsToldOfTheDevice) {
  DaemonProcess daemon(data_.path(), {"--worker", Until(Faulty("dies_at_once"))});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  const v1::Job job = client.WaitForEnd(client.Create(Quick()).name());
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_EQ(ReasonOf(job), "WORKER_LOST");
  EXPECT_EQ(job.progress().assignments(), 5);
  EXPECT_THAT(job.error().message(), HasSubstr("ended with status 3: found no device"));
  ExpectOnlyDeviceNotServing(daemon);
  EXPECT_THAT(Problem(daemon), HasSubstr("5 times in a row, at last it ended with status 3: found no device"));
  Mend();
  EXPECT_EQ(client.WaitForEnd(client.Create(Quick()).name()).state(), v1::Job::SUCCEEDED) << daemon.Log();
  ExpectRecovery(daemon);
}

TEST_F(WorkerFaultsTest, NoWorkerAtAllIsToldOfTheDevice) {
  DaemonProcess daemon(data_.path(), {"--worker", Until("exit 7")});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  ExpectOnlyDeviceNotServing(daemon);
  EXPECT_THAT(Problem(daemon), HasSubstr("ended with status 7"));
  Mend();
  ExpectRecovery(daemon);
}

TEST_F(WorkerFaultsTest, AJobIsComputedOnceItsDeviceIsHealthyAgainAndNotBefore) {
  DaemonProcess daemon(data_.path(), {"--worker", Until("exit 7")});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  ExpectOnlyDeviceNotServing(daemon);
  EXPECT_THAT(Problem(daemon), HasSubstr("worker cpu-flow"));
  v1::Job bound = Quick();
  bound.set_device("cpu");
  const std::string name = client.Create(bound).name();
  Mend();
  client.Watch(name, 0, [](const v1::JobEvent& event) { return event.state_changed().state() == v1::Job::RUNNING; });
  EXPECT_THAT(Problem(daemon), Not(HasSubstr("worker cpu-flow")));
  EXPECT_EQ(client.WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon.Log();
}

TEST_F(WorkerFaultsTest, BreakOutIsNamedInTheJobsErrorAndInTheLog) {
  if (kSanitized) GTEST_SKIP() << "a build with sanitizers has no cage";
  DaemonProcess daemon(data_.path(), {"--worker", Until(Faulty("breaks_out"))});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  const v1::Job job = client.WaitForEnd(client.Create(Quick()).name());
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_THAT(job.error().message(), HasSubstr("the cage ends this worker: the system call execve is not allowed"));
  EXPECT_THAT(daemon.Log(), HasSubstr("the system call execve is not allowed"));
}

// A worker's failpoint works from inside its cage, and each worker counts anew.
TEST_F(WorkerFaultsTest, FailpointKillsEachWorkerAndTheJobComesToItsEnd) {
  setenv("SLICEFLOW_FAILPOINTS", "worker.before_step_done=4", 1);
  DaemonProcess daemon(data_.path());
  unsetenv("SLICEFLOW_FAILPOINTS");
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  v1::Job job = Quick();
  job.mutable_spec()->mutable_schedule()->set_num_steps(6);
  job = client.WaitForEnd(client.Create(job).name());
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << daemon.Log();
  EXPECT_EQ(job.progress().assignments(), 3) << "steps 0 to 2, 3 to 5, and 6";
  EXPECT_THAT(daemon.Log(), HasSubstr("worker.before_step_done=4"));
}

// Without the cage that is required a worker does not start; told in the log and of the device.
TEST_F(WorkerFaultsTest, CageThatCannotBeHadIsToldOfTheDevice) {
  if (kSanitized) GTEST_SKIP() << "a build with sanitizers has no cage";
  // The daemon refuses such a user at its start, so this one is slipped in behind it.
  const std::string absent = absl::StrCat("exec ", kWorker, " $(echo \"$@\" | sed 's/ --user [^ ]*//') --user no-such-user");
  DaemonProcess daemon(data_.path(), {"--worker", Until(absent)});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  ExpectOnlyDeviceNotServing(daemon);
  EXPECT_THAT(Problem(daemon), AnyOf(HasSubstr("is no user of this machine"), HasSubstr("only root")));
}

TEST_F(WorkerFaultsTest, WhatTheCageConsistsOfIsLogged) {
  if (kSanitized) GTEST_SKIP() << "a build with sanitizers has no cage";
  DaemonProcess daemon(data_.path());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  ASSERT_EQ(client.WaitForEnd(client.Create(Quick()).name()).state(), v1::Job::SUCCEEDED);
  EXPECT_THAT(daemon.Log(), HasSubstr("cage: no_new_privs, limits"));
  EXPECT_THAT(daemon.Log(), HasSubstr("system-call filter"));
}

}  // namespace
}  // namespace sliceflow::testing
