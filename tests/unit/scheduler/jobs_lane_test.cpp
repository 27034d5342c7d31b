// Whole jobs: who gets which, what is stored, and what happens when a worker goes.
#include <gmock/gmock.h>

#include <atomic>
#include <memory>

#include "common/errors.h"
#include "tests/unit/scheduler/scheduler_fixture.h"

namespace sliceflow::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using worker::v1::AssignmentEnded;

using JobsLane = SchedulerFixture;

TEST_F(JobsLane, StoresEveryStepAndEndsTheJob) {
  Serve();
  const auto worker = Attach("w");
  const std::string id = Create(2);
  const worker::v1::Assign assign = worker->NextAssign();
  EXPECT_EQ(assign.job(), "jobs/" + id);
  EXPECT_FALSE(assign.has_checkpoint_step());
  EXPECT_EQ(assign.spec().dimension(), 2);
  for (int step = 0; step <= 2; ++step) worker->CompleteStep(assign.assignment(), step);
  worker->SendEnd(assign.assignment(), AssignmentEnded::COMPLETED);
  WaitForState(id, v1::Job::SUCCEEDED);
  EXPECT_THAT(Story(id), ElementsAre("QUEUED", "RUNNING", "step 0", "step 1", "step 2", "SUCCEEDED"));
  EXPECT_EQ(jobs_->LoadCheckpoint(id, 1)->bytes, "checkpoint 1");
}

TEST_F(JobsLane, SamplesArriveInPieces) {
  Serve();
  const auto worker = Attach("w");
  const std::string id = Create(1);
  const int64_t assignment = worker->NextAssign().assignment();
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const std::string bytes = PackValues(values);
  worker->SendBlob("samples", bytes.substr(0, 10), {3, 2});
  worker->SendBlob("samples", bytes.substr(10));
  worker->CompleteStep(assignment, 0);
  const auto samples = jobs_->LoadSamples(id, 0);
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT((*samples)->shape, ElementsAre(3, 2));
  EXPECT_EQ((*samples)->values, values);
}

TEST_F(JobsLane, OldestJobFirst) {
  Serve();
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(Create(1));
  std::sort(ids.begin(), ids.end());  // ids are in the order of their making, to the millisecond
  const auto worker = Attach("w");
  for (const std::string& id : ids) {
    const worker::v1::Assign assign = worker->NextAssign();
    EXPECT_EQ(assign.job(), "jobs/" + id);
    worker->SendEnd(assign.assignment(), AssignmentEnded::FAILED);
  }
}

TEST_F(JobsLane, GoesOnFromTheLastStepWhenTheWorkerIsLost) {
  Serve();
  const std::string id = Create(3);
  auto first = Attach("w");
  const int64_t assignment = first->NextAssign().assignment();
  first->CompleteStep(assignment, 0);
  first->CompleteStep(assignment, 1);
  first->Drop();
  const auto second = Attach("w");
  const worker::v1::Assign again = second->NextAssign();
  EXPECT_EQ(again.job(), "jobs/" + id);
  EXPECT_EQ(again.checkpoint_step(), 1);
  EXPECT_EQ(second->blobs["checkpoint"], "checkpoint 1");
  EXPECT_GT(again.assignment(), assignment);
  // What an earlier assignment has to say is not heard.
  second->SendStep(assignment, 2);
  second->CompleteStep(again.assignment(), 2);
  second->CompleteStep(again.assignment(), 3);
  second->SendEnd(again.assignment(), AssignmentEnded::COMPLETED);
  WaitForState(id, v1::Job::SUCCEEDED);
}

TEST_F(JobsLane, GivesUpAJobThatKillsItsWorkers) {
  Serve();
  const std::string id = Create(3);
  for (int i = 0; i < jobs::Jobs::kMaxAssignmentsWithoutProgress; ++i) {
    const auto worker = Attach("w");
    worker->NextAssign();
    worker->Drop();
  }
  const v1::Job job = WaitForState(id, v1::Job::FAILED);
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "WORKER_LOST");
}

TEST_F(JobsLane, CancelReachesTheWorkerAndTheNextJobFollows) {
  Serve();
  const auto worker = Attach("w");
  const std::string id = Create(3);
  const int64_t assignment = worker->NextAssign().assignment();
  worker->CompleteStep(assignment, 0);
  const std::string next = Create(3);
  ASSERT_TRUE(jobs_->Cancel(jobs::Scope::Everyone(), id, "").ok());
  const worker::v1::AttachResponse message = worker->Next();
  ASSERT_TRUE(message.has_cancel()) << message.ShortDebugString();
  EXPECT_EQ(message.cancel().assignment(), assignment);
  worker->SendStep(assignment, 1);  // was on its way
  worker->SendEnd(assignment, AssignmentEnded::STOPPED);
  EXPECT_EQ(worker->NextAssign().job(), "jobs/" + next);
  EXPECT_THAT(Story(id), ElementsAre("QUEUED", "RUNNING", "step 0", "CANCELLED"));
}

TEST_F(JobsLane, CancelledWhileWaitingIsNeverHandedOut) {
  Serve();
  const std::string id = Create(1);
  ASSERT_TRUE(jobs_->Cancel(jobs::Scope::Everyone(), id, "").ok());
  const std::string other = Create(1);
  const auto worker = Attach("w");
  EXPECT_EQ(worker->NextAssign().job(), "jobs/" + other);
}

TEST_F(JobsLane, FailureBelongsToTheJob) {
  Serve();
  const auto worker = Attach("w");
  const std::string id = Create(3);
  const int64_t assignment = worker->NextAssign().assignment();
  worker->CompleteStep(assignment, 0);
  worker->SendEnd(assignment, AssignmentEnded::FAILED,
                  ToRpcStatus(WithReason(absl::OutOfRangeError("diverged"), "DIVERGED", {{"step", "1"}})));
  const v1::Job job = WaitForState(id, v1::Job::FAILED);
  EXPECT_EQ(job.error().message(), "diverged");
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "DIVERGED");
  EXPECT_TRUE(jobs_->LoadCheckpoint(id, 0).ok());
}

TEST_F(JobsLane, RefusedCheckpointFallsBackToTheOneBefore) {
  Serve();
  (void)Create(3);
  auto worker = Attach("w");
  const int64_t assignment = worker->NextAssign().assignment();
  worker->CompleteStep(assignment, 0);
  worker->CompleteStep(assignment, 1);
  worker->Drop();
  worker = Attach("w");
  const worker::v1::Assign second = worker->NextAssign();
  EXPECT_EQ(second.checkpoint_step(), 1);
  worker->SendEnd(second.assignment(), AssignmentEnded::CHECKPOINT_REFUSED, ToRpcStatus(absl::DataLossError("damaged")));
  const worker::v1::Assign third = worker->NextAssign();
  EXPECT_EQ(third.checkpoint_step(), 0);
  EXPECT_EQ(worker->blobs["checkpoint"], "checkpoint 0");
}

TEST_F(JobsLane, FullDiskHoldsAJobUpAndLosesNothing) {
  Serve();
  const std::string id = Create(1);
  const auto worker = Attach("w");
  const int64_t assignment = worker->NextAssign().assignment();
  files_.FailWrites(absl::ResourceExhaustedError("the disk is full"));
  worker->SendStep(assignment, 0);
  worker->SendStep(assignment, 1);
  // Nothing is acknowledged before it is stored, and a cancel of something else still works.
  EXPECT_TRUE(jobs_->Cancel(jobs::Scope::Everyone(), Create(1), "").ok());
  EXPECT_FALSE(Get(id).progress().has_last_step());
  files_.Heal();
  EXPECT_EQ(worker->Next().step_stored().step(), 0);
  EXPECT_EQ(worker->Next().step_stored().step(), 1);
  worker->SendEnd(assignment, AssignmentEnded::COMPLETED);
  WaitForState(id, v1::Job::SUCCEEDED);
}

TEST_F(JobsLane, AStepThatCannotBeWrittenIsToldInTheJobAndToTheServerUntilItIs) {
  std::vector<absl::Status> told;
  absl::Mutex mutex;
  SchedulerOptions options;
  options.held_up = [&](const std::string& job, const absl::Status& why) {
    absl::MutexLock lock(&mutex);
    told.push_back(why.ok() ? why : absl::Status(why.code(), absl::StrCat(job, ": ", why.message())));
  };
  Serve(options);
  const std::string id = Create(1);
  const auto worker = Attach("w");
  const int64_t assignment = worker->NextAssign().assignment();
  files_.FailWrites(absl::UnavailableError("open /secret/blobs/jobs: Permission denied"));
  worker->SendStep(assignment, 0);
  const absl::Time deadline = absl::Now() + kPatience;
  while (Story(id).size() < 3 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(5));
  ASSERT_THAT(Story(id), ElementsAre("QUEUED", "RUNNING", "log"));
  EXPECT_EQ(Events(id).back().log().message(),
            "step 0 is computed, cannot be stored and waits: the server cannot write to its data folder");
  files_.Heal();
  EXPECT_EQ(worker->Next().step_stored().step(), 0);
  worker->CompleteStep(assignment, 1);
  absl::MutexLock lock(&mutex);
  EXPECT_THAT(told, ElementsAre(absl::UnavailableError(absl::StrCat("jobs/", id, ": open /secret/blobs/jobs: Permission denied")),
                                absl::OkStatus()));
}

TEST_F(JobsLane, StepOutOfOrderFailsTheJobAndStopsTheWorker) {
  Serve();
  const std::string id = Create(5);
  const auto worker = Attach("w");
  const int64_t assignment = worker->NextAssign().assignment();
  worker->CompleteStep(assignment, 0);
  worker->SendStep(assignment, 3);
  EXPECT_TRUE(worker->Next().has_cancel());
  EXPECT_EQ(Reason(FromRpcStatus(WaitForState(id, v1::Job::FAILED).error())), "STEP_OUT_OF_ORDER");
}

TEST_F(JobsLane, SendsADataSetOnce) {
  Serve();
  const std::string table = UploadTable("points");
  v1::Job request = Request(1);
  request.mutable_spec()->mutable_initial()->mutable_dataset()->set_dataset(table);
  const auto worker = Attach("w");
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(jobs_->Create(request, "", "", "", 10).ok());
    const worker::v1::Assign assign = worker->NextAssign();
    if (i == 0) {
      EXPECT_EQ(worker->blobs[table], PackValues({1, 2, 3, 4}));
    } else {
      EXPECT_THAT(worker->blobs, IsEmpty());
    }
    worker->SendEnd(assign.assignment(), AssignmentEnded::FAILED);
  }
}

TEST_F(JobsLane, WorkerHoldsNoMoreDataSetsThanItMay) {
  SchedulerOptions options;
  options.max_worker_dataset_bytes = 20;  // one table of four values fits, two do not
  Serve(options);
  const auto worker = Attach("w");
  for (const char* id : {"first", "second"}) {
    v1::Job request = Request(1);
    request.mutable_spec()->mutable_initial()->mutable_dataset()->set_dataset(UploadTable(id));
    ASSERT_TRUE(jobs_->Create(request, "", "", "", 10).ok());
    worker::v1::AttachResponse message = worker->Next();
    if (message.has_forget()) {
      EXPECT_EQ(message.forget().dataset(), "datasets/first");
      message = worker->Next();
    } else {
      EXPECT_STREQ(id, "first");
    }
    ASSERT_TRUE(message.has_assign()) << message.ShortDebugString();
    EXPECT_EQ(worker->blobs.count(std::string("datasets/") + id), 1u);
    worker->SendEnd(message.assign().assignment(), AssignmentEnded::FAILED);
  }
}

TEST_F(JobsLane, WorkerOfAnotherVersionIsRefused) {
  Serve();
  FakeWorker worker(address_, "w", worker::v1::LANE_FLOW, "0.0.1");
  EXPECT_EQ(worker.Next().kind_case(), worker::v1::AttachResponse::KIND_NOT_SET);
  const grpc::Status status = worker.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("0.0.1"));
}

TEST_F(JobsLane, TooManyBytesEndTheStreamAndNothingElse) {
  SchedulerOptions options;
  options.max_blob_bytes = 1000;
  Serve(options);
  const std::string id = Create(1);
  auto worker = Attach("w");
  worker->NextAssign();
  worker->SendBlob("samples", std::string(1001, 'x'));
  EXPECT_EQ(worker->Next().kind_case(), worker::v1::AttachResponse::KIND_NOT_SET);
  EXPECT_EQ(worker->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  worker = Attach("w");
  EXPECT_EQ(worker->NextAssign().job(), "jobs/" + id);
}

TEST_F(JobsLane, SilentWorkerIsKilledAndItsJobGoesOn) {
  SchedulerOptions options;
  options.heartbeat_timeout = absl::Milliseconds(300);
  Serve(options);
  const std::string id = Create(1);
  const auto silent = Attach("w");
  silent->NextAssign();
  EXPECT_THAT(WaitForKilled(), ElementsAre(absl::StrCat("w ", FakeWorker::kPid)));
  const auto worker = Attach("w");
  EXPECT_EQ(worker->NextAssign().job(), "jobs/" + id);
}

// As a SIGSTOP or a machine that slept: what the worker had sent meanwhile has not been read yet when its silence is judged.
TEST_F(JobsLane, TimeInWhichTheServerDidNotRunIsNoSilenceOfAWorker) {
  const auto looks = std::make_shared<std::atomic<int>>(0), ahead = std::make_shared<std::atomic<int>>(0);  // the server outlives this
  SchedulerOptions options;
  options.heartbeat_timeout = absl::Seconds(60);
  options.uptime = [looks, ahead] {
    ++*looks;
    return Uptime() + absl::Minutes(ahead->load());
  };
  Serve(options);
  Create(1);
  const auto worker = Attach("w");
  const int64_t assignment = worker->NextAssign().assignment();
  *ahead = 5;
  const int before = *looks;
  const absl::Time deadline = absl::Now() + kPatience;
  while (*looks < before + 10 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));
  worker->CompleteStep(assignment, 0);
  absl::MutexLock lock(&mutex_);
  EXPECT_THAT(killed_, IsEmpty());
}

TEST_F(JobsLane, WorkerThatIgnoresACancelIsKilled) {
  SchedulerOptions options;
  options.stop_timeout = absl::Milliseconds(200);
  Serve(options);
  const std::string id = Create(1);
  const auto worker = Attach("w");
  worker->NextAssign();
  ASSERT_TRUE(jobs_->Cancel(jobs::Scope::Everyone(), id, "").ok());
  EXPECT_THAT(WaitForKilled(), SizeIs(1));
}

TEST_F(JobsLane, ShutdownDrainsAndLeavesTheJobToTheNextStart) {
  Serve();
  const std::string id = Create(3);
  const auto worker = Attach("w");
  const int64_t assignment = worker->NextAssign().assignment();
  worker->CompleteStep(assignment, 0);
  std::thread shutdown([&] { scheduler_->Shutdown(kPatience); });
  EXPECT_TRUE(worker->Next().has_drain());
  worker->SendEnd(assignment, AssignmentEnded::STOPPED);
  worker->Drop();
  shutdown.join();
  EXPECT_EQ(Get(id).state(), v1::Job::RUNNING);
  EXPECT_THAT(IdsOf(*jobs_->Recover()), ElementsAre(id));
}

TEST_F(JobsLane, DevicesAreListedWithAndWithoutWorkers) {
  SchedulerOptions options;
  options.devices = {{"cpu", 4}};
  Serve(options);
  ASSERT_THAT(scheduler_->devices(), SizeIs(1));
  EXPECT_FALSE(scheduler_->devices()[0].ready);
  EXPECT_EQ(scheduler_->devices()[0].threads, 4);
  Create(1);
  const auto worker = Attach("w");
  worker->NextAssign();
  ASSERT_THAT(scheduler_->devices(), SizeIs(1));
  EXPECT_TRUE(scheduler_->devices()[0].ready);
  EXPECT_EQ(scheduler_->devices()[0].running_jobs, 1);
}

}  // namespace
}  // namespace sliceflow::scheduler
