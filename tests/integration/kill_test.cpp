// kill -9 of the worker, of the daemon, and of both, in the middle of a job: it goes on from its last step, and its final samples are the
// bits of an undisturbed run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

// Seen in the middle of a job of ten steps, so that steps are left to be computed after the kill.
constexpr int kStepBeforeKill = 2;
constexpr int kDraws = 500;

struct Result {
  std::vector<Tensor> stored;  // of every step
  Tensor drawn;                // afterwards, at the last step
  v1::Job job;
};

void ExpectSameBits(const Tensor& left, const Tensor& right) {
  EXPECT_EQ(left.shape, right.shape);
  EXPECT_EQ(PackValues(left.values), PackValues(right.values));
}

class KillTest : public ::testing::TestWithParam<v1::Job (*)()> {
 protected:
  void SetUp() override { Restart(); }

  void Restart() {
    client_.reset();
    daemon_.reset();
    daemon_ = std::make_unique<DaemonProcess>(folder_.path());
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    client_ = std::make_unique<Client>(daemon_->address());
  }

  // A job of which a step has been seen, and which goes on.
  std::string StartJob() {
    const v1::Job job = client_->Create(GetParam()());
    client_->WaitForStep(job.name(), kStepBeforeKill);
    return job.name();
  }

  Result Finish(const std::string& name) {
    Result result;
    result.job = client_->WaitForEnd(name);
    EXPECT_EQ(result.job.state(), v1::Job::SUCCEEDED) << result.job.ShortDebugString() << daemon_->Log();
    result.stored = client_->StoredSamples(name);
    const grpc::Status status = client_->Sample(name, std::nullopt, std::min(kDraws, Particles()), 11, result.drawn);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return result;
  }

  static int Particles() {
    const v1::Job job = GetParam()();
    return job.spec().model().has_particles() ? job.spec().model().particles().count() : kDraws;
  }

  void ExpectAsUndisturbed(const std::string& disturbed_name) {
    const Result disturbed = Finish(disturbed_name);
    EXPECT_EQ(disturbed.job.progress().assignments(), 2) << "it was not interrupted";
    const Result undisturbed = Finish(client_->Create(GetParam()()).name());
    EXPECT_EQ(undisturbed.job.progress().assignments(), 1);
    ASSERT_EQ(disturbed.stored.size(), undisturbed.stored.size());
    for (size_t step = 0; step < disturbed.stored.size(); ++step) ExpectSameBits(disturbed.stored[step], undisturbed.stored[step]);
    ExpectSameBits(disturbed.drawn, undisturbed.drawn);
  }

  TempFolder folder_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<Client> client_;
};

TEST_P(KillTest, OfTheWorker) {
  const std::string name = StartJob();
  ASSERT_EQ(kill(daemon_->WorkerPid("flow"), SIGKILL), 0);
  ExpectAsUndisturbed(name);
}

TEST_P(KillTest, OfTheDaemon) {
  const std::string name = StartJob();
  const pid_t flow_worker = daemon_->WorkerPid("flow");
  const pid_t query_worker = daemon_->WorkerPid("query");
  daemon_->Kill();
  EXPECT_TRUE(WaitUntilGone(flow_worker)) << "the daemon left a worker behind";
  EXPECT_TRUE(WaitUntilGone(query_worker)) << "the daemon left a worker behind";
  Restart();
  ExpectAsUndisturbed(name);
}

TEST_P(KillTest, OfBoth) {
  const std::string name = StartJob();
  kill(daemon_->WorkerPid("flow"), SIGKILL);
  daemon_->Kill();
  Restart();
  const Result disturbed = Finish(name);
  const Result undisturbed = Finish(client_->Create(GetParam()()).name());
  ASSERT_EQ(disturbed.stored.size(), undisturbed.stored.size());
  ExpectSameBits(disturbed.stored.back(), undisturbed.stored.back());
  ExpectSameBits(disturbed.drawn, undisturbed.drawn);
}

std::string ModelName(const ::testing::TestParamInfo<v1::Job (*)()>& info) { return info.param == &RealNvpJob ? "RealNvp" : "Particles"; }

INSTANTIATE_TEST_SUITE_P(Models, KillTest, ::testing::Values(&RealNvpJob, &ParticlesJob), ModelName);

}  // namespace
}  // namespace sliceflow::testing
