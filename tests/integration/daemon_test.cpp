// The daemon as a process: how it starts, says that it serves, refuses, and ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/client.h"
#include "tests/integration/health.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

const char kDaemon[] = SLICEFLOW_BIN_DIR "/sliceflowd";

class DaemonTest : public ::testing::Test {
 protected:
  TempFolder folder_;
};

TEST_F(DaemonTest, DoesNotLinkLibTorch) {
  const CommandResult libraries = RunCommand({"ldd", kDaemon});
  ASSERT_EQ(libraries.exit_code, 0) << libraries.output;
  EXPECT_THAT(libraries.output, HasSubstr("libgrpc++"));
  EXPECT_THAT(libraries.output, Not(AnyOf(HasSubstr("torch"), HasSubstr("libc10"))));
}

TEST_F(DaemonTest, SaysWhereItServesAndThatItIsHealthy) {
  DaemonProcess daemon(folder_.path());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  EXPECT_THAT(daemon.address(), ::testing::MatchesRegex("127\\.0\\.0\\.1:[0-9]+"));
  for (const char* service : {"", "sliceflow.v1.JobService", "sliceflow.v1.DatasetService", "sliceflow.v1.ServerService"}) {
    EXPECT_TRUE(IsServing(daemon.address(), service)) << service;
  }
  Client client(daemon.address());
  EXPECT_NE(daemon.WorkerPid("flow"), 0);
  const v1::ServerInfo info = client.Info();
  ASSERT_EQ(info.devices_size(), 1);
  EXPECT_EQ(info.devices(0).name(), "cpu");
  EXPECT_EQ(info.devices(0).threads(), 1);
}

TEST_F(DaemonTest, SecondOneOnTheSameFolderIsRefused) {
  DaemonProcess first(folder_.path());
  ASSERT_TRUE(first.ok()) << first.Log();
  DaemonProcess second(folder_.path(), {}, false);
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_THAT(second.Log(), HasSubstr(folder_.path()));
  EXPECT_FALSE(std::filesystem::exists(second.ready_file()));
  EXPECT_TRUE(IsServing(first.address(), ""));
}

TEST_F(DaemonTest, TakenPortIsRefused) {
  DaemonProcess first(folder_.path());
  ASSERT_TRUE(first.ok()) << first.Log();
  TempFolder other;
  DaemonProcess second(other.path(), {"--listen", first.address()}, false);
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_THAT(second.Log(), HasSubstr(first.address()));
}

TEST_F(DaemonTest, MistakesOnTheCommandLineAreNamed) {
  const auto run = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {kDaemon, "--data-dir", folder_.path()});
    return RunCommand(flags);
  };
  const CommandResult open = run({"--listen", "0.0.0.0:0"});
  EXPECT_EQ(open.exit_code, 2);
  EXPECT_THAT(open.output, HasSubstr("--insecure"));
  const CommandResult malformed = run({"--listen", "localhost"});
  EXPECT_EQ(malformed.exit_code, 2);
  EXPECT_THAT(malformed.output, HasSubstr("HOST:PORT"));
  const CommandResult worker = run({"--worker", folder_.path() + "/none"});
  EXPECT_EQ(worker.exit_code, 2);
  EXPECT_THAT(worker.output, HasSubstr("--worker"));
  EXPECT_EQ(RunCommand({kDaemon}).exit_code, 2);
  EXPECT_EQ(RunCommand({kDaemon, "--version"}).exit_code, 0);
}

TEST_F(DaemonTest, TermEndsItCleanlyInTheMiddleOfAJob) {
  DaemonProcess daemon(folder_.path());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  v1::Job endless = RealNvpJob();
  endless.mutable_spec()->mutable_schedule()->set_num_steps(10000);
  const std::string name = client.Create(endless).name();
  client.WaitForStep(name, 1);
  const pid_t worker = daemon.WorkerPid("flow");

  grpc::Status watch_end;
  std::thread watcher([&] { client.Watch(name, 0, nullptr, &watch_end); });
  const absl::Time start = absl::Now();
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.Log();
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  watcher.join();
  EXPECT_EQ(watch_end.error_code(), grpc::StatusCode::UNAVAILABLE) << watch_end.error_message();
  EXPECT_EQ(ProcessState(worker), 0);
  EXPECT_FALSE(std::filesystem::exists(daemon.ready_file()));

  DaemonProcess again(folder_.path());
  ASSERT_TRUE(again.ok()) << again.Log();
  Client later(again.address());
  const int done = later.Get(name).progress().completed_steps();
  EXPECT_GE(done, 1);
  later.WaitForStep(name, done + 1);
  EXPECT_TRUE(later.Cancel(name).ok());
}

TEST_F(DaemonTest, DataFolderMayHaveAnyName) {
  const std::string deep = absl::StrCat(folder_.path(), "/", std::string(120, 'x'), "/with spaces, and 'quotes'");
  DaemonProcess daemon(deep);
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(1);
  EXPECT_EQ(client.WaitForEnd(client.Create(job).name()).state(), v1::Job::SUCCEEDED);
}

}  // namespace
}  // namespace sliceflow::testing
