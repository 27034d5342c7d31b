// Forks through real processes: the same bits where nothing is replaced, a closed form where something is, also when workers and parents
// go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

constexpr int kSteps = 4;
constexpr int kShared = 2;

class ForkTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart(); }

  void Restart() {
    client_.reset();
    daemon_.reset();
    daemon_ = std::make_unique<DaemonProcess>(folder_.path());
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    client_ = std::make_unique<Client>(daemon_->address());
  }

  static v1::Job Quick(v1::Job job) {
    job.mutable_spec()->mutable_schedule()->set_num_steps(kSteps);
    job.mutable_spec()->mutable_solver()->mutable_sw_jko()->set_inner_iterations(20);
    return job;
  }

  // Explicit Euler moves of particles down |x|²/2.
  static v1::Job EulerJob() {
    v1::Job job = ParticlesJob();
    v1::FlowSpec& spec = *job.mutable_spec();
    spec.clear_functional();
    spec.mutable_functional()->add_terms()->mutable_potential()->mutable_quadratic();
    spec.mutable_solver()->mutable_euler_maruyama()->set_inner_iterations(5);
    spec.mutable_schedule()->set_num_steps(kSteps);
    return job;
  }

  std::string Done(const v1::Job& job) {
    const v1::Job done = client_->WaitForEnd(client_->Create(job).name());
    EXPECT_EQ(done.state(), v1::Job::SUCCEEDED) << done.ShortDebugString() << daemon_->Log();
    return done.name();
  }

  static v1::ForkJobRequest Request(const std::string& parent, const std::string& overrides = "") {
    v1::ForkJobRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(overrides, request.mutable_overrides())) << overrides;
    request.set_name(parent);
    request.set_step(kShared);
    return request;
  }

  v1::Job Fork(const v1::ForkJobRequest& request) {
    v1::Job job;
    const grpc::Status status = client_->Fork(request, job);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return job;
  }

  std::vector<Tensor> Finish(const std::string& name) {
    const v1::Job job = client_->WaitForEnd(name);
    EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << job.ShortDebugString() << daemon_->Log();
    return client_->StoredSamples(name);
  }

  static void ExpectSameBits(const std::vector<Tensor>& left, const std::vector<Tensor>& right) {
    ASSERT_EQ(left.size(), right.size());
    for (size_t step = 0; step < left.size(); ++step) {
      EXPECT_EQ(PackValues(left[step].values), PackValues(right[step].values)) << "step " << step;
    }
  }

  TempFolder folder_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<Client> client_;
};

TEST_F(ForkTest, WhereNothingIsReplacedItIsTheParentBitForBit) {
  const std::string parent = Done(Quick(RealNvpJob()));
  const v1::Job fork = Fork(Request(parent));
  EXPECT_EQ(fork.fork_origin().job(), parent);
  EXPECT_EQ(fork.progress().completed_steps(), kShared);
  ExpectSameBits(Finish(fork.name()), client_->StoredSamples(parent));
  std::vector<std::string> story;
  for (const v1::JobEvent& event : client_->Watch(fork.name())) story.push_back(Describe(event));
  EXPECT_THAT(story, ::testing::ElementsAre("QUEUED", "step 0", "step 1", "step 2", "RUNNING", "step 3", "step 4", "SUCCEEDED"));
  Tensor theirs, own;
  ASSERT_TRUE(client_->Sample(parent, kSteps, 50, 7, theirs).ok());
  ASSERT_TRUE(client_->Sample(fork.name(), kSteps, 50, 7, own).ok());
  EXPECT_EQ(own.values, theirs.values);
}

// x ← (1 − h) x: two steps of τ = 0.1 in five moves each are shared, then come steps of 0.04 in four moves, down 3|x|²/2.
TEST_F(ForkTest, GoesOnWithAnotherStepSizeFunctionalAndSolver) {
  const std::string parent = Done(EulerJob());
  const v1::Job fork = Fork(Request(parent,
                                    "functional { terms { weight: 3 potential { quadratic {} } } } "
                                    "solver { euler_maruyama { inner_iterations: 4 } } schedule { step_size: 0.04 num_steps: 5 }"));
  const std::vector<Tensor> samples = Finish(fork.name());
  ASSERT_EQ(samples.size(), 6u);
  for (int step = 0; step <= 5; ++step) {
    const double factor = std::pow(1 - 0.02, 5 * std::min(step, kShared)) * std::pow(1 - 3 * 0.01, 4 * std::max(0, step - kShared));
    for (size_t i = 0; i < samples[0].values.size(); ++i) {
      ASSERT_NEAR(samples[step].values[i], factor * samples[0].values[i], 1e-5) << "step " << step;
    }
  }
  for (const v1::JobEvent& event : client_->Watch(fork.name())) {
    if (!event.has_step_completed()) continue;
    const v1::StepReport& report = event.step_completed().report();
    EXPECT_NEAR(report.wasserstein_time(), report.step() <= kShared ? 0.1 * report.step() : 0.2 + 0.04 * (report.step() - kShared), 1e-9);
  }
}

TEST_F(ForkTest, KilledInItsFirstStepItEndsWithTheSameBits) {
  const std::string parent = Done(Quick(RealNvpJob()));
  v1::ForkJobRequest request = Request(parent,
                                       "solver { sw_jko { inner_iterations: 300 num_projections: 50 batch_size: 256 } } "
                                       "schedule { step_size: 0.05 num_steps: 4 } seed: 8");
  const std::string killed = Fork(request).name();
  client_->Watch(killed, 0, [](const v1::JobEvent& event) { return event.state_changed().state() == v1::Job::RUNNING; });
  ASSERT_EQ(kill(daemon_->WorkerPid("flow"), SIGKILL), 0);
  const std::vector<Tensor> disturbed = Finish(killed);
  EXPECT_EQ(client_->Get(killed).progress().assignments(), 2) << "it was not interrupted";
  ExpectSameBits(disturbed, Finish(Fork(request).name()));
}

TEST_F(ForkTest, WithoutItsParentItGoesOnAndIsDrawnFromAtSharedSteps) {
  const std::string parent = Done(Quick(RealNvpJob()));
  Tensor theirs, densities;
  ASSERT_TRUE(client_->Sample(parent, 1, 50, 7, theirs).ok());
  ASSERT_TRUE(client_->Density(parent, 1, theirs, densities).ok());
  const std::vector<Tensor> shared = client_->StoredSamples(parent);
  const std::string fork = Fork(Request(parent, "schedule { step_size: 0.02 num_steps: 4 } seed: 9")).name();
  ASSERT_TRUE(client_->Purge(parent).ok());
  const std::vector<Tensor> samples = Finish(fork);
  ASSERT_EQ(samples.size(), 5u);
  Restart();  // sweeps what nothing refers to
  const std::string grandchild = Fork(Request(fork, "schedule { step_size: 0.3 num_steps: 3 }")).name();
  ASSERT_TRUE(client_->Purge(fork).ok());
  EXPECT_EQ(Finish(grandchild).size(), 4u);
  Tensor own, again;
  ASSERT_TRUE(client_->Sample(grandchild, 1, 50, 7, own).ok());
  EXPECT_EQ(own.values, theirs.values);
  ASSERT_TRUE(client_->Density(grandchild, 1, own, again).ok());
  EXPECT_EQ(again.values, densities.values);
  EXPECT_EQ(client_->StoredSamples(grandchild)[1].values, shared[1].values);
  v1::ComputeDistanceRequest request;
  request.mutable_first()->mutable_job_step()->set_job(grandchild);
  request.mutable_first()->mutable_job_step()->set_step(1);
  *request.mutable_second() = request.first();
  request.mutable_second()->mutable_job_step()->set_step(3);
  request.mutable_distance()->mutable_sliced_wasserstein();
  v1::ComputeDistanceResponse distance;
  const grpc::Status status = client_->Distance(request, distance);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_GT(distance.value(), 0);
}

TEST_F(ForkTest, ARepeatedRequestAnswersWithTheForkThatExists) {
  const std::string parent = Done(EulerJob());
  v1::ForkJobRequest request = Request(parent);
  request.set_validate_only(true);
  EXPECT_EQ(Fork(request).name(), "");
  request.set_validate_only(false);
  request.set_request_id("once");
  const std::string name = Fork(request).name();
  ASSERT_TRUE(client_->Purge(parent).ok());
  EXPECT_EQ(Fork(request).name(), name);
  request.set_step(1);
  v1::Job job;
  EXPECT_EQ(client_->Fork(request, job).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  request.set_request_id("another");
  EXPECT_EQ(client_->Fork(request, job).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(client_->WaitForEnd(name).state(), v1::Job::SUCCEEDED);
}

}  // namespace
}  // namespace sliceflow::testing
