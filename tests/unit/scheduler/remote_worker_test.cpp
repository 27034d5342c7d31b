// Workers that come over the network, as the scheduler sees them: set apart from those of this machine.
#include <gmock/gmock.h>

#include "tests/unit/scheduler/scheduler_fixture.h"

namespace sliceflow::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RemoteWorkers : public SchedulerFixture {
 protected:
  static SchedulerOptions Options() {
    SchedulerOptions options;
    options.devices = {{.name = "cpu", .threads = 1}};
    return options;
  }

  std::unique_ptr<FakeWorker> AttachRemote(const std::string& id, const std::string& device,
                                           worker::v1::Lane lane = worker::v1::LANE_FLOW) {
    return std::make_unique<FakeWorker>(network_address_, id, lane, kVersion, device);
  }

  std::vector<std::string> DeviceNames() const {
    std::vector<std::string> names;
    for (const DeviceState& device : scheduler_->devices()) names.push_back(device.name);
    return names;
  }

  void WaitForDevices(const std::vector<std::string>& names) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (DeviceNames() != names && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
    EXPECT_EQ(DeviceNames(), names);
  }

  std::string CreateFor(const std::string& device) {
    v1::Job job = Request(1, 1);
    job.set_device(device);
    const auto created = jobs_->Create(job, "", "", "", jobs::kManyJobs);
    EXPECT_TRUE(created.ok()) << created.status();
    return IdOf(*created);
  }
};

TEST_F(RemoteWorkers, NeitherEndsNorReplacesTheLocalOneOfItsIdAndProcess) {
  SchedulerOptions options = Options();
  options.heartbeat_timeout = absl::Milliseconds(300);
  Serve(options);
  Create(1);
  const auto local = Attach("cpu-flow");
  const int64_t assignment = local->NextAssign().assignment();
  const auto remote = AttachRemote("cpu-flow", "gpu1/cpu");
  WaitForDevices({"cpu", "gpu1/cpu"});
  // The silent one is cut off, and nothing here is killed for it.
  const absl::Time deadline = absl::Now() + kPatience;
  while (DeviceNames().size() == 2 && absl::Now() < deadline) {
    local->SendHeartbeat(1000);
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_THAT(DeviceNames(), ElementsAre("cpu"));
  local->CompleteStep(assignment, 0);
  absl::MutexLock lock(&mutex_);
  EXPECT_THAT(killed_, IsEmpty());
}

TEST_F(RemoteWorkers, ItsDeviceGoesWithItsLastWorkerForJobsAndWhatWaitsForItWaits) {
  Serve(Options());
  auto first = AttachRemote("a", "gpu1/cpu"), second = AttachRemote("b", "gpu1/cpu");
  const auto queries = AttachRemote("c", "gpu1/cpu", worker::v1::LANE_QUERY);
  WaitForDevices({"cpu", "gpu1/cpu"});
  EXPECT_EQ(scheduler_->devices()[1].memory_bytes, FakeWorker::kMemoryBytes);
  first.reset();
  const std::string id = CreateFor("gpu1/cpu");
  const int64_t assignment = second->NextAssign().assignment();
  second->CompleteStep(assignment, 0);
  EXPECT_THAT(DeviceNames(), ElementsAre("cpu", "gpu1/cpu"));
  second.reset();
  WaitForDevices({"cpu"});
  const auto local = Attach("cpu-flow");
  const std::string other = Create(1);
  EXPECT_EQ(local->NextAssign().job(), "jobs/" + other) << "the lost job is for another device";
  const auto again = AttachRemote("a", "gpu1/cpu");
  const worker::v1::Assign assign = again->NextAssign();
  EXPECT_EQ(assign.job(), "jobs/" + id);
  EXPECT_EQ(assign.checkpoint_step(), 0);
}

// More often than a job may lose its worker.
TEST_F(RemoteWorkers, ThatSayGoodbyeHaveNotFailed) {
  Serve(Options());
  const std::string id = Create(1);
  for (int i = 0; i < 7; ++i) {
    const auto worker = AttachRemote("a", "gpu1/cpu");
    (void)worker->NextAssign();
    worker->SayGoodbye();
    EXPECT_FALSE(worker->Next().has_cancel());
    const grpc::Status end = worker->Finish();
    EXPECT_TRUE(end.ok()) << end.error_message();
  }
  WaitForDevices({"cpu"});
  const v1::Job job = Get(id);
  EXPECT_EQ(job.state(), v1::Job::QUEUED) << job.ShortDebugString();
  EXPECT_FALSE(job.has_retry_time());
  const auto local = Attach("cpu-flow");
  EXPECT_EQ(local->NextAssign().job(), "jobs/" + id);
}

TEST_F(RemoteWorkers, OfOneIdTheFirstStaysWhileItLives) {
  Serve(Options());
  const std::string id = Create(1);
  const auto first = AttachRemote("a", "gpu1/cpu");
  const int64_t assignment = first->NextAssign().assignment();
  const grpc::Status refused = AttachRemote("a", "gpu1/cpu")->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(refused.error_message(), HasSubstr("a worker a of gpu1/cpu is attached from ipv4:127.0.0.1"));
  first->CompleteStep(assignment, 0);
  first->Drop();
  WaitForDevices({"cpu"});
  EXPECT_EQ(AttachRemote("a", "gpu1/cpu")->NextAssign().job(), "jobs/" + id);
}

TEST_F(RemoteWorkers, IsToldWithDeviceAndAddressAndAsAWarningWhereItIsRefused) {
  absl::Mutex mutex;
  std::vector<std::string> told;
  SchedulerOptions options = Options();
  options.remote_worker = [&](const RemoteWorker& worker, absl::string_view what, bool is_warning) {
    absl::MutexLock lock(&mutex);
    told.push_back(absl::StrCat(worker.id, " ", worker.device, " ", what, is_warning ? "!" : "", " ", worker.address.substr(0, 14)));
  };
  Serve(options);
  const grpc::Status refused = AttachRemote("a", "cpu")->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.error_message(), HasSubstr("must name NODE/cpu or NODE/cuda:N"));
  EXPECT_THAT(FakeWorker(address_, "w", worker::v1::LANE_FLOW, kVersion, "gpu1/cpu").Finish().error_message(),
              HasSubstr("must name a device without a slash, is \"gpu1/cpu\""));
  auto worker = AttachRemote("a", "gpu1/cpu");
  WaitForDevices({"cpu", "gpu1/cpu"});
  worker.reset();
  WaitForDevices({"cpu"});
  absl::MutexLock lock(&mutex);
  EXPECT_THAT(told, ElementsAre(HasSubstr("remote/a cpu was refused: device: "), "remote/a gpu1/cpu attached ipv4:127.0.0.1",
                                "remote/a gpu1/cpu detached ipv4:127.0.0.1"));
}

}  // namespace
}  // namespace sliceflow::scheduler
