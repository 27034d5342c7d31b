// What the schedule makes of jobs: preemption, pauses, limits, retries and shares, through the scheduler and the store.
#include <gmock/gmock.h>

#include <atomic>

#include "absl/time/clock.h"
#include "common/errors.h"
#include "tests/unit/scheduler/scheduler_fixture.h"

namespace sliceflow::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using worker::v1::AssignmentEnded;

class ScheduleTest : public SchedulerFixture {
 protected:
  std::string Submit(const v1::Job& job, const std::string& owner = "") {
    const auto created = jobs_->Create(job, owner, "", "", 2000);
    EXPECT_TRUE(created.ok()) << created.status();
    return IdOf(*created);
  }
  // Until the workers of the first device hold so much more than they do idle.
  bool WaitForUsedBytes(int64_t bytes) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (scheduler_->devices()[0].used_memory_bytes != bytes) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }
  std::string SubmitAt(int priority) {
    v1::Job job = Request(3);
    job.set_priority(priority);
    return Submit(job);
  }

  std::atomic<bool> gets_jobs_{true};
  std::atomic<int> asked_{0};  // how often, while it was not
};

TEST_F(ScheduleTest, AJobOfHigherPriorityInterruptsAndTheOtherGoesOnFromItsLastStep) {
  Serve();
  const auto worker = Attach("w");
  const std::string low = SubmitAt(0);
  const int64_t assignment = worker->NextAssign().assignment();
  worker->CompleteStep(assignment, 0);
  worker->CompleteStep(assignment, 1);
  const std::string high = SubmitAt(1);
  const worker::v1::AttachResponse cancel = worker->Next();
  ASSERT_TRUE(cancel.has_cancel()) << cancel.ShortDebugString();
  worker->SendEnd(assignment, AssignmentEnded::STOPPED);
  const worker::v1::Assign next = worker->NextAssign();
  EXPECT_EQ(next.job(), "jobs/" + high);
  const v1::Job waiting = Get(low);
  EXPECT_EQ(waiting.state(), v1::Job::QUEUED);
  EXPECT_FALSE(waiting.has_retry_time());
  EXPECT_EQ(Events(low).back().state_changed().reason(), "preempted by jobs/" + high);
  worker->SendEnd(next.assignment(), AssignmentEnded::FAILED);
  const worker::v1::Assign again = worker->NextAssign();
  EXPECT_EQ(again.job(), "jobs/" + low);
  EXPECT_EQ(again.checkpoint_step(), 1);
}

TEST_F(ScheduleTest, AWorkerThatDoesNotGiveWayIsKilledAndTheJobCountsNoLoss) {
  SchedulerOptions options;
  options.stop_timeout = absl::Milliseconds(100);
  Serve(options);
  auto worker = Attach("w");
  const std::string low = SubmitAt(0);
  worker->NextAssign();
  SubmitAt(1);
  EXPECT_THAT(WaitForKilled(), SizeIs(1));
  const v1::Job job = WaitForState(low, v1::Job::QUEUED);
  EXPECT_FALSE(job.has_retry_time());
  EXPECT_THAT(Events(low).back().state_changed().reason(), HasSubstr("preempted by"));
}

TEST_F(ScheduleTest, OneOwnersThousandJobsDoNotKeepAnothersJobWaiting) {
  Serve();
  for (int i = 0; i < 1000; ++i) Submit(Request(1), "ada");
  const auto worker = Attach("w");
  const worker::v1::Assign hers = worker->NextAssign();
  const std::string other = Submit(Request(1), "bob");
  worker->SendEnd(hers.assignment(), AssignmentEnded::FAILED);
  EXPECT_EQ(worker->NextAssign().job(), "jobs/" + other);
}

TEST_F(ScheduleTest, APausedJobFreesItsWorkerAndGoesOnWhenItIsResumed) {
  Serve();
  const auto worker = Attach("w");
  const std::string id = Submit(Request(3));
  const int64_t assignment = worker->NextAssign().assignment();
  worker->CompleteStep(assignment, 0);
  const std::string other = Submit(Request(3));
  ASSERT_TRUE(jobs_->Pause(jobs::Scope::Everyone(), id, "").ok());
  ASSERT_TRUE(worker->Next().has_cancel());
  worker->SendStep(assignment, 1);  // was on its way: computed again later
  worker->SendEnd(assignment, AssignmentEnded::STOPPED);
  const worker::v1::Assign next = worker->NextAssign();
  EXPECT_EQ(next.job(), "jobs/" + other);
  ASSERT_TRUE(jobs_->Resume(jobs::Scope::Everyone(), id, "").ok());
  worker->SendEnd(next.assignment(), AssignmentEnded::FAILED);
  const worker::v1::Assign again = worker->NextAssign();
  EXPECT_EQ(again.job(), "jobs/" + id);
  EXPECT_EQ(again.checkpoint_step(), 0);
  EXPECT_THAT(Story(id), ElementsAre("QUEUED", "RUNNING", "step 0", "PAUSED", "QUEUED", "RUNNING"));
}

TEST_F(ScheduleTest, AJobIsEndedAtItsTimeLimitAndKeepsItsSteps) {
  Serve();
  const auto worker = Attach("w");
  v1::Job request = Request(3);
  request.mutable_limits()->set_max_run_seconds(0.3);
  const std::string id = Submit(request);
  const int64_t assignment = worker->NextAssign().assignment();
  worker->CompleteStep(assignment, 0);
  ASSERT_TRUE(worker->Next().has_cancel());
  worker->SendEnd(assignment, AssignmentEnded::STOPPED);
  const absl::Status error = FromRpcStatus(WaitForState(id, v1::Job::FAILED).error());
  EXPECT_TRUE(absl::IsResourceExhausted(error)) << error;
  EXPECT_EQ(Reason(error), "TIME_LIMIT");
  EXPECT_TRUE(jobs_->LoadCheckpoint(id, 0).ok());
}

TEST_F(ScheduleTest, AWorkerThatHangsInsideAStepDoesNotOutliveTheTimeLimit) {
  SchedulerOptions options;
  options.stop_timeout = absl::Milliseconds(100);
  Serve(options);
  const auto worker = Attach("w");
  v1::Job request = Request(3);
  request.mutable_limits()->set_max_run_seconds(0.1);
  const std::string id = Submit(request);
  worker->NextAssign();
  EXPECT_THAT(WaitForKilled(), SizeIs(1));
  EXPECT_EQ(Reason(FromRpcStatus(WaitForState(id, v1::Job::FAILED).error())), "TIME_LIMIT");
}

TEST_F(ScheduleTest, AJobThatKillsItsWorkersFailsWithWhatIsKnownWhileOthersGoOn) {
  SchedulerOptions options;
  options.worker_end = [](const std::string& id, int64_t pid) { return absl::StrCat("was killed by signal 11, ", id, " ", pid); };
  Serve(options);
  const std::string poison = SubmitAt(1);
  std::string others[jobs::Jobs::kMaxAssignmentsWithoutProgress];
  for (std::string& other : others) other = SubmitAt(0);
  int killed = 0;
  int done = 0;
  // The poisonous job comes before the others whenever its pause is over; between its turns they are computed.
  auto worker = Attach("w");
  while (killed < jobs::Jobs::kMaxAssignmentsWithoutProgress || done < jobs::Jobs::kMaxAssignmentsWithoutProgress) {
    const worker::v1::Assign assign = worker->NextAssign();
    if (assign.job() == "jobs/" + poison) {
      ++killed;
      worker->Drop();
      worker = Attach("w");
      continue;
    }
    ASSERT_NE(assign.assignment(), 0);
    ++done;
    worker->SendEnd(assign.assignment(), AssignmentEnded::FAILED);
  }
  const absl::Status error = FromRpcStatus(WaitForState(poison, v1::Job::FAILED).error());
  EXPECT_EQ(Reason(error), "WORKER_LOST");
  EXPECT_THAT(error.message(), HasSubstr("it was killed by signal 11, w 4711"));
  for (const std::string& other : others) WaitForState(other, v1::Job::FAILED);
}

TEST_F(ScheduleTest, MemoryLimitGoesToTheWorkerAndItsPeakIsKept) {
  Serve();
  const auto worker = Attach("w");
  v1::Job request = Request(1);
  request.mutable_limits()->set_max_memory_bytes(int64_t{1} << 30);
  const std::string id = Submit(request);
  const worker::v1::Assign assign = worker->NextAssign();
  EXPECT_EQ(assign.max_memory_bytes(), int64_t{1} << 30);
  worker->SendEnd(assign.assignment(), AssignmentEnded::FAILED, {}, 12345);
  EXPECT_EQ(WaitForState(id, v1::Job::FAILED).memory().peak_bytes(), 12345);
}

TEST_F(ScheduleTest, AJobWaitsForItsDeviceUntilThatGetsJobs) {
  gets_jobs_ = false;
  SchedulerOptions options;
  options.gets_jobs = [this](const std::string& device) {
    asked_ += device == "cpu" && !gets_jobs_ ? 1 : 0;
    return gets_jobs_.load();
  };
  Serve(options);
  const auto worker = Attach("w");
  const std::string id = SubmitAt(0);
  const absl::Time deadline = absl::Now() + kPatience;
  while (asked_ < 3 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_GE(asked_, 3);
  EXPECT_EQ(Get(id).state(), v1::Job::QUEUED);
  gets_jobs_ = true;
  EXPECT_EQ(worker->NextAssign().job(), "jobs/" + id);
}

TEST_F(ScheduleTest, MemoryThatADeviceUsesIsThatOfItsWorkersBesideWhatTheyHoldIdle) {
  Serve();
  const auto flow = Attach("w");
  SubmitAt(0);
  flow->NextAssign();
  flow->SendHeartbeat(FakeWorker::kIdleBytes + 500);
  EXPECT_TRUE(WaitForUsedBytes(500));
  const auto query = Attach("q", worker::v1::LANE_QUERY);
  query->SendHeartbeat(FakeWorker::kIdleBytes + 70);
  EXPECT_TRUE(WaitForUsedBytes(570));
  flow->SendHeartbeat(FakeWorker::kIdleBytes - 10);  // the allocator gave more back than it took
  EXPECT_TRUE(WaitForUsedBytes(70));
  query->Drop();
  EXPECT_TRUE(WaitForUsedBytes(0));
}

}  // namespace
}  // namespace sliceflow::scheduler
