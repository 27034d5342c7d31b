// Workers of other machines at their work, over mTLS: real processes, caged where they are elsewhere too.
#include "tests/integration/remote_fixture.h"

#include <gmock/gmock.h>

#include <signal.h>

#include <set>

#include "absl/strings/match.h"

namespace sliceflow::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const char kClient[] = SLICEFLOW_BIN_DIR "/sliceflow";

class RemoteWorkerTest : public RemoteFixture {
 protected:
  // Its samples of every step, and those drawn afterwards where a worker of queries is there.
  std::vector<Tensor> SamplesOf(const std::string& name) {
    const v1::Job job = client_->WaitForEnd(name);
    EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << job.ShortDebugString() << daemon_->Log();
    return client_->StoredSamples(name);
  }

  // The same job on the workers of a daemon of its own, as everybody had it before there were others.
  static std::vector<Tensor> SamplesOfALocalRun() {
    TempFolder data;
    DaemonProcess daemon(data.path());
    Client client(daemon.address());
    const std::string name = client.Create(RealNvpJob()).name();
    EXPECT_EQ(client.WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon.Log();
    return client.StoredSamples(name);
  }

  static void ExpectSameBits(const std::vector<Tensor>& left, const std::vector<Tensor>& right) {
    ASSERT_EQ(left.size(), right.size());
    for (size_t step = 0; step < left.size(); ++step) {
      EXPECT_EQ(left[step].shape, right[step].shape);
      EXPECT_EQ(PackValues(left[step].values), PackValues(right[step].values)) << "step " << step;
    }
  }

  // Every step is told once, in order.
  void ExpectEachStepOnce(const std::string& name) {
    int next = 0;
    for (const v1::JobEvent& event : client_->Watch(name)) {
      if (!event.has_step_completed()) continue;
      EXPECT_EQ(event.step_completed().report().step(), next++);
    }
    EXPECT_EQ(next, client_->Get(name).progress().total_steps() + 1);
  }

  // `sliceflow` with these arguments.
  CommandResult Cli(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), kClient);
    arguments.insert(arguments.end(), {"--server", daemon_->address(), "--tls-ca", certificates_.Path("servers.pem")});
    return RunCommand(arguments);
  }

  // Why it changed its state, each time.
  std::vector<std::string> ReasonsOf(const std::string& name) {
    std::vector<std::string> reasons;
    for (const v1::JobEvent& event : client_->Watch(name)) reasons.push_back(event.state_changed().reason());
    return reasons;
  }

  std::string StartedJob() {
    const std::string name = client_->Create(RealNvpJob()).name();
    client_->WaitForStep(name, 2);
    return name;
  }
};

TEST_F(RemoteWorkerTest, AJobForAnyIsComputedElsewhereWithTheBitsOfALocalRun) {
  Serve("queries");
  EXPECT_EQ(client_->Info().devices_size(), 0);
  const std::string name = client_->Create(RealNvpJob()).name();
  EXPECT_EQ(client_->Get(name).state(), v1::Job::QUEUED) << "nobody is there who could compute it";
  const auto worker = StartWorker("gpu1", {"--max-memory", "4000000000"});
  const std::vector<Tensor> samples = SamplesOf(name);
  EXPECT_EQ(client_->Get(name).run_device(), "gpu1/cpu");
  EXPECT_TRUE(WaitForLine("the job is RUNNING on gpu1/cpu"));
  EXPECT_THAT(worker->Log(), HasSubstr(WorkersAreCaged() ? "system-call filter" : "turned off"));
  const v1::Device device = Device("gpu1/cpu");
  EXPECT_TRUE(device.ready());
  EXPECT_TRUE(device.healthy());
  EXPECT_EQ(device.threads(), 1);
  EXPECT_EQ(device.memory_bytes(), 4'000'000'000);
  ExpectSameBits(samples, SamplesOfALocalRun());
}

TEST_F(RemoteWorkerTest, AJobThatNobodyIsThereForSaysSo) {
  Serve("queries");
  EXPECT_THAT(Cli({"info"}).output, HasSubstr("devices\n  none: no worker for jobs is attached"));
  const std::string name = client_->Create(RealNvpJob()).name();
  const std::string why = "no worker for `any` is attached: the job waits for one";
  EXPECT_THAT(Cli({"get", name}).output, HasSubstr(why + "\n"));
  const ProgramProcess watch({kClient, "watch", name, "--server", daemon_->address(), "--tls-ca", certificates_.Path("servers.pem")});
  const absl::Time deadline = absl::Now() + kPatience;
  while (!absl::StrContains(watch.Log(), why) && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));
  EXPECT_THAT(watch.Log(), HasSubstr(why + "\n"));
  const auto worker = StartWorker("gpu1");
  EXPECT_EQ(client_->WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon_->Log();
  const std::string after = Cli({"get", name}).output;
  EXPECT_EQ(after.find(why), std::string::npos) << after;
  EXPECT_THAT(after, HasSubstr("ran on         gpu1/cpu\n"));
}

TEST_F(RemoteWorkerTest, ADeviceIsThereWhileItsWorkerIs) {
  Serve("queries");
  const auto worker = StartWorker("gpu1");
  ASSERT_TRUE(WaitForDevice("gpu1/cpu", true));
  EXPECT_TRUE(WaitForLine("attached; device \"gpu1/cpu\", certificate of \"node\", from ipv4:127.0.0.1:"));
  v1::Job bound = RealNvpJob();
  bound.set_device("gpu1/cpu");
  const std::string name = client_->Create(bound).name();
  client_->WaitForStep(name, 1);
  worker->Signal(SIGTERM);
  EXPECT_EQ(worker->Wait(), 0) << worker->Log();
  ASSERT_TRUE(WaitForDevice("gpu1/cpu", false));
  EXPECT_TRUE(WaitForLine("detached; device \"gpu1/cpu\""));

  v1::Job refused;
  v1::CreateJobRequest request;
  *request.mutable_job() = bound;
  const grpc::Status status = client_->TryCreate(request, refused);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("no device gpu1/cpu; it has none"));

  // What it had waits for it, and for no other.
  const auto other = StartWorker("gpu2");
  ASSERT_TRUE(WaitForDevice("gpu2/cpu", true));
  const std::string elsewhere = client_->Create(RealNvpJob()).name();
  EXPECT_EQ(client_->WaitForEnd(elsewhere).state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(client_->Get(name).state(), v1::Job::QUEUED);
  const auto again = StartWorker("gpu1");
  EXPECT_EQ(client_->WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon_->Log();
  ExpectEachStepOnce(name);
  EXPECT_THAT(ReasonsOf(name), Contains("its worker remote/gpu1-flow was told to end"));
}

TEST_F(RemoteWorkerTest, OfAKilledOneAnotherGoesOnFromTheLastStoredStep) {
  Serve("queries");
  const auto first = StartWorker("gpu1"), second = StartWorker("gpu2");
  ASSERT_TRUE(WaitForDevice("gpu1/cpu", true));
  ASSERT_TRUE(WaitForDevice("gpu2/cpu", true));
  const std::string name = StartedJob();
  const std::string machine = client_->Get(name).run_device() == "gpu1/cpu" ? "gpu1" : "gpu2";
  (machine == "gpu1" ? first : second)->Kill();
  const std::vector<Tensor> samples = SamplesOf(name);
  EXPECT_EQ(client_->Get(name).progress().assignments(), 2) << "it was not interrupted";
  ExpectEachStepOnce(name);
  EXPECT_THAT(ReasonsOf(name), Contains(HasSubstr(absl::StrCat("its worker remote/", machine, "-flow was lost"))));
  ExpectSameBits(samples, SamplesOfALocalRun());
}

TEST_F(RemoteWorkerTest, AKilledDaemonEndsItsWorkersAndTheNextGoesOn) {
  Serve("queries");
  auto worker = StartWorker("gpu1");
  const std::string name = StartedJob();
  daemon_->Kill();
  EXPECT_EQ(worker->Wait(), 1);
  EXPECT_THAT(worker->Log(), HasSubstr(absl::StrCat("the daemon at ", workers_listen_, " is lost")));
  // As a service manager starts it, before its daemon is there.
  worker = StartWorker("gpu1", {"--attach-time", "1m"});
  Serve("queries");
  const std::vector<Tensor> samples = SamplesOf(name);
  EXPECT_EQ(client_->Get(name).progress().assignments(), 2) << "it was not interrupted";
  ExpectEachStepOnce(name);
  ExpectSameBits(samples, SamplesOfALocalRun());
}

TEST_F(RemoteWorkerTest, AnOrderlyEndOfTheDaemonIsOneOfItsWorkers) {
  Serve("none");
  const auto worker = StartWorker("gpu1");
  ASSERT_TRUE(WaitForDevice("gpu1/cpu", true));
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->Log();
  EXPECT_EQ(worker->Wait(), 0) << worker->Log();
}

TEST_F(RemoteWorkerTest, OfTwoMachinesOfOneNameTheSecondIsRefused) {
  Serve("queries");
  const auto first = StartWorker("gpu1");
  ASSERT_TRUE(WaitForDevice("gpu1/cpu", true));
  const auto second = StartWorker("gpu1");
  EXPECT_EQ(second->Wait(), 1);
  EXPECT_THAT(second->Log(), HasSubstr("a worker gpu1-flow of gpu1/cpu is attached from "));
  EXPECT_TRUE(Device("gpu1/cpu").ready());
}

// Takes the scheduler's heartbeat timeout of 15 s.
TEST_F(RemoteWorkerTest, FromOneThatSaysNothingTheJobIsTaken) {
  Serve("queries");
  const auto first = StartWorker("gpu1"), second = StartWorker("gpu2");
  ASSERT_TRUE(WaitForDevice("gpu1/cpu", true));
  ASSERT_TRUE(WaitForDevice("gpu2/cpu", true));
  const std::string name = StartedJob();
  const std::string device = client_->Get(name).run_device();
  const auto& silent = device == "gpu1/cpu" ? first : second;
  silent->Signal(SIGSTOP);
  EXPECT_EQ(client_->WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon_->Log();
  EXPECT_EQ(client_->Get(name).progress().assignments(), 2);
  EXPECT_THAT(daemon_->Log(), HasSubstr(absl::StrCat("says nothing and is cut off; device \"", device, "\"")));
  EXPECT_TRUE(WaitForDevice(device, false));
  // What it says when it comes to itself counts no more.
  silent->Signal(SIGCONT);
  EXPECT_EQ(silent->Wait(), 1) << silent->Log();
  ExpectEachStepOnce(name);
}

TEST_F(RemoteWorkerTest, ShortRequestsAreAnsweredElsewhere) {
  Serve("none");
  const auto jobs = StartWorker("gpu1");
  const auto queries = StartWorker("gpu1", {"--lane", "query"});
  const std::string name = client_->Create(RealNvpJob()).name();
  EXPECT_EQ(client_->WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon_->Log();
  Tensor samples;
  const grpc::Status status = client_->Sample(name, std::nullopt, 50, 11, samples);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(samples.shape, (std::vector<int64_t>{50, 2}));
  // The one of queries is no device of its own, and does not hold the other's.
  EXPECT_EQ(client_->Info().devices_size(), 1);
  jobs->Signal(SIGTERM);
  EXPECT_EQ(jobs->Wait(), 0);
  EXPECT_TRUE(WaitForDevice("gpu1/cpu", false));
  EXPECT_TRUE(client_->Sample(name, std::nullopt, 50, 12, samples).ok());
}

}  // namespace
}  // namespace sliceflow::testing
