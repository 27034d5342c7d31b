// The schedule with real workers: what is interrupted goes on to the bits of an undisturbed run, and limits of a job are held.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/errors.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

class ScheduleTest : public ::testing::Test {
 protected:
  // One daemon for all: jobs are apart from each other.
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    daemon_ = new DaemonProcess(folder_->path());
  }
  static void TearDownTestSuite() {
    delete daemon_;
    delete folder_;
  }
  void SetUp() override { ASSERT_TRUE(daemon_->ok()) << daemon_->Log(); }

  std::vector<std::string> Bits(const std::string& name) {
    std::vector<std::string> bits;
    for (const Tensor& step : client_.StoredSamples(name)) bits.push_back(PackValues(step.values));
    return bits;
  }

  void ExpectAsUndisturbed(const std::string& name, v1::Job (*job)()) {
    const v1::Job disturbed = client_.WaitForEnd(name);
    EXPECT_EQ(disturbed.state(), v1::Job::SUCCEEDED) << disturbed.ShortDebugString() << daemon_->Log();
    EXPECT_EQ(disturbed.progress().assignments(), 2) << "it was not interrupted";
    const v1::Job undisturbed = client_.WaitForEnd(client_.Create(job()).name());
    EXPECT_EQ(undisturbed.progress().assignments(), 1);
    EXPECT_THAT(Bits(name), Not(IsEmpty()));
    EXPECT_EQ(Bits(name), Bits(undisturbed.name()));
  }

  std::vector<std::string> ReasonsOf(const std::string& name) {
    std::vector<std::string> reasons;
    for (const v1::JobEvent& event : client_.Watch(name)) {
      if (event.has_state_changed()) reasons.push_back(event.state_changed().reason());
    }
    return reasons;
  }

  static TempFolder* folder_;
  static DaemonProcess* daemon_;
  Client client_{daemon_->address()};
};
TempFolder* ScheduleTest::folder_ = nullptr;
DaemonProcess* ScheduleTest::daemon_ = nullptr;

TEST_F(ScheduleTest, APausedJobGoesOnToTheSameBits) {
  const std::string name = client_.Create(RealNvpJob()).name();
  client_.WaitForStep(name, 2);
  EXPECT_EQ(client_.Pause(name).state(), v1::Job::PAUSED);
  // Its worker is free: another job is computed to its end, while this one stays where it is.
  const v1::Job other = client_.WaitForEnd(client_.Create(ParticlesJob()).name());
  EXPECT_EQ(other.state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(client_.Get(name).state(), v1::Job::PAUSED);
  EXPECT_EQ(client_.Resume(name).state(), v1::Job::QUEUED);
  ExpectAsUndisturbed(name, &RealNvpJob);
}

TEST_F(ScheduleTest, APreemptedJobGoesOnToTheSameBits) {
  const std::string low = client_.Create(RealNvpJob()).name();
  client_.WaitForStep(low, 2);
  v1::Job urgent = ParticlesJob();
  urgent.set_priority(10);
  urgent.mutable_spec()->mutable_schedule()->set_num_steps(1);
  const v1::Job high = client_.WaitForEnd(client_.Create(urgent).name());
  EXPECT_EQ(high.state(), v1::Job::SUCCEEDED);
  EXPECT_FALSE(client_.Get(low).has_end_time());
  ExpectAsUndisturbed(low, &RealNvpJob);
  EXPECT_THAT(ReasonsOf(low), Contains("preempted by " + high.name()));
}

TEST_F(ScheduleTest, AJobEndsAtItsTimeLimitAndKeepsItsSteps) {
  v1::Job endless = RealNvpJob();
  endless.mutable_spec()->mutable_schedule()->set_num_steps(10'000);
  endless.mutable_limits()->set_max_run_seconds(2);
  const v1::Job job = client_.WaitForEnd(client_.Create(endless).name());
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  const absl::Status error = FromRpcStatus(job.error());
  EXPECT_TRUE(absl::IsResourceExhausted(error)) << error;
  EXPECT_EQ(Reason(error), "TIME_LIMIT");
  EXPECT_GE(job.progress().run_seconds(), 2);
  EXPECT_TRUE(job.progress().has_last_step());
  Tensor samples;
  EXPECT_TRUE(client_.Sample(job.name(), std::nullopt, 10, 1, samples).ok());
}

TEST_F(ScheduleTest, AJobThatNeedsMoreMemoryThanItsLimitFailsAndTheNextIsComputed) {
  if (!WorkersAreCaged()) GTEST_SKIP() << "where there is no cage there is a sanitizer, which ends a program that asks for too much";
  v1::Job greedy = ParticlesJob();
  greedy.mutable_spec()->set_dimension(64);
  greedy.mutable_spec()->mutable_functional()->mutable_terms(0)->mutable_potential()->mutable_quadratic();
  greedy.mutable_spec()->mutable_model()->mutable_particles()->set_count(1'000'000);  // 256 MB for their coordinates alone
  greedy.mutable_spec()->mutable_output()->set_samples_per_step(1);
  greedy.mutable_spec()->mutable_output()->clear_metrics();
  greedy.mutable_limits()->set_max_memory_bytes(64 << 20);
  const v1::Job job = client_.WaitForEnd(client_.Create(greedy).name());
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  const absl::Status error = FromRpcStatus(job.error());
  EXPECT_TRUE(absl::IsResourceExhausted(error)) << error;
  EXPECT_EQ(Reason(error), "MEMORY_LIMIT") << error << daemon_->Log();
  const v1::Job next = client_.WaitForEnd(client_.Create(ParticlesJob()).name());
  EXPECT_EQ(next.state(), v1::Job::SUCCEEDED);
  EXPECT_GT(next.memory().peak_bytes(), 0);
}

}  // namespace
}  // namespace sliceflow::testing
