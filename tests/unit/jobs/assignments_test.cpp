// What workers report, and what is made of it when things break.
#include <gmock/gmock.h>

#include <random>

#include "server/jobs/retention.h"
#include "server/jobs/transitions.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AssignmentsTest : public JobsFixture {};

TEST_F(AssignmentsTest, AJobFromItsStartToItsEnd) {
  const std::string id = Create(2);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Get(id).run_device(), "");
  const Assignment assignment = Start(id);
  EXPECT_EQ(assignment.number, 1);
  EXPECT_EQ(assignment.job.state(), v1::Job::RUNNING);
  EXPECT_FALSE(assignment.checkpoint_step.has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(jobs_->Start(id, "cpu").status()));
  EXPECT_EQ(Get(id).run_device(), "cpu");
  EXPECT_EQ(Events(id).back().state_changed().device(), "cpu");
  ASSERT_TRUE(Record(id, 1, 0).ok());
  EXPECT_EQ(Get(id).progress().completed_steps(), 0);
  EXPECT_TRUE(Get(id).progress().has_last_step());
  RecordRange(id, 1, 1, 2);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(jobs_->Finish(id, 1, {}).ok());
  const v1::Job job = Get(id);
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(job.progress().completed_steps(), 2);
  EXPECT_EQ(job.progress().last_step().energy(), 8);
  EXPECT_EQ(job.start_time().seconds(), 2'000'000'001);
  EXPECT_EQ(job.end_time().seconds(), 2'000'000'002);
  EXPECT_THAT(Story(id), ElementsAre("QUEUED", "RUNNING", "step 0", "step 1", "step 2", "SUCCEEDED"));
  EXPECT_TRUE(jobs_->Finish(id, 1, {}).ok());  // said twice
  EXPECT_EQ(Get(id).etag(), job.etag());
  EXPECT_EQ(Events(id)[3].step_completed().sample_count(), 2);
}

TEST_F(AssignmentsTest, AStepReportedTwiceIsStoredOnceAndOneTooFarIsRefused) {
  const std::string id = Create(5);
  Start(id);
  EXPECT_EQ(Reason(Record(id, 1, 1)), "STEP_OUT_OF_ORDER");  // step 0 first
  RecordRange(id, 1, 0, 2);
  const std::string etag = Get(id).etag();
  for (const int step : {0, 1, 2}) EXPECT_TRUE(Record(id, 1, step).ok());
  EXPECT_EQ(Get(id).etag(), etag);
  EXPECT_EQ(Reason(Record(id, 1, 4)), "STEP_OUT_OF_ORDER");
  EXPECT_EQ(Reason(Record(id, 1, -1)), "STEP_OUT_OF_ORDER");
  RecordRange(id, 1, 3, 5);
  EXPECT_EQ(Reason(Record(id, 1, 6)), "STEP_OUT_OF_ORDER");
}

TEST_F(AssignmentsTest, SamplesAreReadBackFromTheCacheAndFromTheFile) {
  const std::string id = Create(5);
  Start(id);
  RecordRange(id, 1, 0, 3);
  ASSERT_TRUE(jobs_->RecordStep(id, 1, Report(4), Tensor{{0, 2}, {}}, "c").ok());
  for (int round = 0; round < 2; ++round) {
    const auto samples = jobs_->LoadSamples(id, 3);
    ASSERT_TRUE(samples.ok()) << samples.status();
    EXPECT_EQ((*samples)->shape, Samples(3).shape);
    EXPECT_EQ((*samples)->values, Samples(3).values);
    EXPECT_EQ(samples->get(), jobs_->LoadSamples(id, 3)->get());  // shared
    EXPECT_EQ((*jobs_->LoadSamples(id, 4))->rows(), 0);
    EXPECT_TRUE(absl::IsNotFound(jobs_->LoadSamples(id, 5).status()));
    Restart();
  }
}

TEST_F(AssignmentsTest, CheckpointsOfTheStepsAskedForAndTheNewestAreKept) {
  const std::string id = Create(10, 4);
  Start(id);
  const std::vector<std::vector<int>> kept = {{0},       {1, 0},    {2, 0},    {3, 0},       {4, 0},       {5, 4, 0},
                                              {6, 4, 0}, {7, 4, 0}, {8, 4, 0}, {9, 8, 4, 0}, {10, 8, 4, 0}};
  for (int step = 0; step <= 10; ++step) {
    ASSERT_TRUE(Record(id, 1, step).ok());
    EXPECT_EQ(KeptSteps(id), kept[step]);
    EXPECT_EQ(Events(id).back().step_completed().checkpoint_kept(), step % 4 == 0 || step == 10);
  }
  int checkpoints = 0;
  for (const std::string& path : files_.Paths()) checkpoints += path.find("checkpoint") != std::string::npos ? 1 : 0;
  EXPECT_EQ(checkpoints, 4);  // files as rows
  EXPECT_EQ(jobs_->LoadCheckpoint(id, 4)->bytes, CheckpointBytes(4));
  EXPECT_EQ(jobs_->LoadCheckpoint(id, std::nullopt)->step, 10);
  EXPECT_EQ(jobs_->LoadCheckpoint(id, 4)->spec.dimension(), 2);
  const absl::Status refused = jobs_->LoadCheckpoint(id, 5).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_EQ(Reason(refused), "CHECKPOINT_NOT_KEPT");
  EXPECT_THAT(refused.message(), HasSubstr("10, 8, 4, 0"));
  EXPECT_EQ(Reason(jobs_->LoadCheckpoint(Create(3), std::nullopt).status()), "CHECKPOINT_NOT_KEPT");
  ASSERT_TRUE(blobs_.Delete(CheckpointKey(id, 4)).ok());
  const absl::Status lost = jobs_->LoadCheckpoint(id, 4).status();
  EXPECT_TRUE(absl::IsDataLoss(lost)) << lost;
  EXPECT_THAT(std::string(lost.message()), HasSubstr("is gone from the server's data folder"));
}

TEST_F(AssignmentsTest, ALostWorkersJobGoesOnFromItsNewestStep) {
  const std::string id = Create(9, 100);
  Start(id);
  RecordRange(id, 1, 0, 3);
  listener_.TakeQueued();
  ASSERT_TRUE(jobs_->LoseWorker(id, 1, "killed by signal 9").ok());
  EXPECT_THAT(listener_.TakeQueued(), ElementsAre(id));
  EXPECT_EQ(Get(id).state(), v1::Job::QUEUED);
  const Assignment next = Start(id);
  EXPECT_EQ(next.number, 2);
  EXPECT_EQ(next.checkpoint_step, 3);
  EXPECT_EQ(next.checkpoint, CheckpointBytes(3));
  // The old worker is not listened to any more.
  EXPECT_EQ(Reason(Record(id, 1, 4)), "STALE_ASSIGNMENT");
  EXPECT_EQ(Reason(jobs_->Finish(id, 1, {})), "STALE_ASSIGNMENT");
  EXPECT_EQ(Reason(jobs_->LoseWorker(id, 1, "again")), "STALE_ASSIGNMENT");
  EXPECT_EQ(Reason(jobs_->RefuseCheckpoint(id, 1, 3, "bad")), "STALE_ASSIGNMENT");
  EXPECT_TRUE(Record(id, 2, 4).ok());
}

TEST_F(AssignmentsTest, WorkersLostInARowWithoutAStepEndTheJob) {
  const std::string id = Create(9);
  int64_t number = 0;
  for (int i = 1; i < Jobs::kMaxAssignmentsWithoutProgress; ++i) {
    number = Start(id).number;
    ASSERT_TRUE(jobs_->LoseWorker(id, number, "gone").ok());
    ASSERT_EQ(Get(id).state(), v1::Job::QUEUED);
  }
  // A step ends the row; restarts of the daemon neither count nor forget.
  number = Start(id).number;
  ASSERT_TRUE(Record(id, number, 0).ok());
  ASSERT_TRUE(jobs_->LoseWorker(id, number, "gone").ok());
  for (int i = 2; i < Jobs::kMaxAssignmentsWithoutProgress; ++i) {
    Start(id);
    Restart();
    ASSERT_TRUE(jobs_->Recover().ok());
    number = Start(id).number;
    ASSERT_TRUE(Record(id, number, 0).ok());  // a repeated step is no progress
    ASSERT_TRUE(jobs_->LoseWorker(id, number, "gone").ok());
    ASSERT_EQ(Get(id).state(), v1::Job::QUEUED);
  }
  ASSERT_TRUE(jobs_->LoseWorker(id, Start(id).number, "killed by signal 11").ok());
  const v1::Job job = Get(id);
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_TRUE(job.has_end_time());
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "WORKER_LOST");
  EXPECT_THAT(job.error().message(), HasSubstr("signal 11"));
  EXPECT_EQ(Events(id).back().state_changed().error().SerializeAsString(), job.error().SerializeAsString());
}

TEST_F(AssignmentsTest, ALostJobWaitsTwiceAsLongAfterEachLossInARow) {
  const std::string id = Create(9);
  for (const int seconds : {1, 2, 4, 8}) {
    ASSERT_TRUE(jobs_->LoseWorker(id, Start(id).number, "gone").ok());
    const v1::Job job = Get(id);
    EXPECT_EQ(job.retry_time().seconds(), absl::ToUnixSeconds(clock_.Now()) + seconds);
    EXPECT_EQ(listener_.newest().id, id);
    EXPECT_EQ(listener_.newest().delay, absl::Seconds(seconds));
  }
  Restart();
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(jobs_->Recover()->at(0).delay, absl::Seconds(3));  // what is left
  Start(id);
  EXPECT_FALSE(Get(id).has_retry_time());
}

TEST_F(AssignmentsTest, ALostJobWaitsNoLongerThanEverWhereTheClockWasSetBackBeforeARestart) {
  const std::string id = Create(9);
  ASSERT_TRUE(jobs_->LoseWorker(id, Start(id).number, "gone").ok());
  Restart();
  clock_.Set(-absl::Hours(10));
  EXPECT_EQ(jobs_->Recover()->at(0).delay, RetryDelays().longest);
}

TEST_F(AssignmentsTest, AJobThatTheWorkerWasToldToStopWaitsWithItsReasonAndWithoutCountingAsALoss) {
  const std::string id = Create(9);
  for (int i = 0; i < 2 * Jobs::kMaxAssignmentsWithoutProgress; ++i) {
    Outcome outcome{Outcome::Kind::kStopped, absl::OkStatus(), "preempted by jobs/other"};
    ASSERT_TRUE(jobs_->Finish(id, Start(id).number, outcome).ok());
    EXPECT_EQ(Get(id).state(), v1::Job::QUEUED);
    EXPECT_FALSE(Get(id).has_retry_time());
  }
  EXPECT_EQ(Events(id).back().state_changed().reason(), "preempted by jobs/other");
}

TEST_F(AssignmentsTest, TimeAndMemoryOfAllAssignmentsAreKept) {
  const std::string id = Create(9);
  const int64_t first = Start(id).number;
  clock_.Advance(absl::Seconds(3));
  jobs_->NotePeak(id, 500);
  ASSERT_TRUE(Record(id, first, 0).ok());
  EXPECT_EQ(Get(id).progress().run_seconds(), 3);
  clock_.Advance(absl::Seconds(2));
  jobs_->NotePeak(id, 400);  // less than before
  ASSERT_TRUE(jobs_->LoseWorker(id, first, "gone").ok());
  clock_.Advance(absl::Seconds(100));  // while it waits
  const int64_t second = Start(id).number;
  clock_.Advance(absl::Seconds(4));
  ASSERT_TRUE(jobs_->Cancel(Scope::Everyone(), id, "").ok());
  EXPECT_EQ(second, 2);
  EXPECT_EQ(Get(id).progress().run_seconds(), 9);
  EXPECT_EQ(Get(id).memory().peak_bytes(), 500);
}

TEST_F(AssignmentsTest, AFailureOfTheJobEndsItWithItsErrorAndKeepsItsSteps) {
  const std::string id = Create(9);
  Start(id);
  RecordRange(id, 1, 0, 2);
  const absl::Status diverged = WithReason(absl::OutOfRangeError("samples exploded at step 3"), "DIVERGED", {{"step", "3"}});
  ASSERT_TRUE(jobs_->Finish(id, 1, {Outcome::Kind::kFailed, diverged}).ok());
  const v1::Job job = Get(id);
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_EQ(FromRpcStatus(job.error()), diverged);
  EXPECT_EQ(job.progress().completed_steps(), 2);
  EXPECT_TRUE(jobs_->LoadCheckpoint(id, 2).ok());
  EXPECT_TRUE(jobs_->Finish(id, 1, {Outcome::Kind::kFailed, diverged}).ok());
  EXPECT_EQ(Get(id).etag(), job.etag());
}

TEST_F(AssignmentsTest, CompletedWithStepsMissingIsNotSuccess) {
  const std::string id = Create(2);
  Start(id);
  RecordRange(id, 1, 0, 1);
  ASSERT_TRUE(jobs_->Finish(id, 1, {Outcome::Kind::kCompleted, {}}).ok());
  EXPECT_EQ(Get(id).state(), v1::Job::QUEUED);
  EXPECT_THAT(Events(id).back().state_changed().reason(), HasSubstr("step 1 of 2"));
}

TEST_F(AssignmentsTest, AWorkerThatLeavesHandsTheJobBack) {
  const std::string id = Create(2);
  for (int i = 1; i <= 2 * Jobs::kMaxAssignmentsWithoutProgress; ++i) {
    ASSERT_TRUE(jobs_->Finish(id, Start(id).number, {Outcome::Kind::kStopped, {}}).ok());
    ASSERT_EQ(Get(id).state(), v1::Job::QUEUED);  // leaving is no failure, however often
  }
}

TEST_F(AssignmentsTest, ADamagedCheckpointIsPassedOverAndSaid) {
  const std::string id = Create(9);
  Start(id);
  RecordRange(id, 1, 0, 3);
  files_.Damage("blobs/" + CheckpointKey(id, 3), 2);
  ASSERT_TRUE(files_.Remove("blobs/" + CheckpointKey(id, 2)).ok());
  EXPECT_EQ(jobs_->LoadCheckpoint(id, std::nullopt)->step, 1);
  EXPECT_TRUE(absl::IsDataLoss(jobs_->LoadCheckpoint(id, 3).status()));
  ASSERT_TRUE(jobs_->LoseWorker(id, 1, "gone").ok());
  const Assignment next = Start(id);
  EXPECT_EQ(next.checkpoint_step, 1);
  EXPECT_EQ(KeptSteps(id), (std::vector<int>{1, 0}));
  const std::vector<std::string> story = Story(id);
  EXPECT_THAT(std::vector<std::string>(story.end() - 3, story.end()), ElementsAre("log", "log", "RUNNING"));
  // Steps computed again make no second event but heal what was lost.
  const size_t events = Events(id).size();
  RecordRange(id, next.number, 2, 3);
  EXPECT_EQ(Events(id).size(), events);
  EXPECT_EQ(KeptSteps(id), (std::vector<int>{3, 2, 1, 0}));
  EXPECT_EQ(jobs_->LoadCheckpoint(id, 3)->bytes, CheckpointBytes(3));
  RecordRange(id, next.number, 4, 9);
  EXPECT_TRUE(jobs_->Finish(id, next.number, {}).ok());
  EXPECT_EQ(Get(id).state(), v1::Job::SUCCEEDED);
}

TEST_F(AssignmentsTest, ARefusedCheckpointIsDroppedAndTheOneBeforeTaken) {
  const std::string id = Create(9);
  Start(id);
  RecordRange(id, 1, 0, 2);
  ASSERT_TRUE(jobs_->LoseWorker(id, 1, "gone").ok());
  for (const int expected : {2, 1, 0}) {
    const Assignment assignment = Start(id);
    ASSERT_EQ(assignment.checkpoint_step, expected);
    ASSERT_TRUE(jobs_->RefuseCheckpoint(id, assignment.number, expected, "wrong shape").ok());
    EXPECT_EQ(Get(id).state(), v1::Job::QUEUED);
  }
  EXPECT_FALSE(Start(id).checkpoint_step.has_value());
  for (const std::string& path : files_.Paths()) EXPECT_EQ(path.find("checkpoint"), std::string::npos);
  // One that is not there must not go on for ever.
  for (int i = 0; i < Jobs::kMaxAssignmentsWithoutProgress && Get(id).state() != v1::Job::FAILED; ++i) {
    if (Get(id).state() == v1::Job::QUEUED) Start(id);
    ASSERT_TRUE(jobs_->RefuseCheckpoint(id, Get(id).progress().assignments(), 7, "strange").ok());
  }
  EXPECT_EQ(Get(id).state(), v1::Job::FAILED);
}

TEST_F(AssignmentsTest, AFullDiskRefusesTheStepAndTakesItLater) {
  const std::string id = Create(9);
  Start(id);
  RecordRange(id, 1, 0, 1);
  files_.FailWrites(absl::ResourceExhaustedError("the disk is full"));
  EXPECT_TRUE(absl::IsResourceExhausted(Record(id, 1, 2)));
  EXPECT_EQ(Get(id).progress().completed_steps(), 1);
  files_.Heal();
  EXPECT_TRUE(Record(id, 1, 2).ok());
}

TEST_F(AssignmentsTest, ACrashAtAnyStepOfAReportLosesNothingThatWasAcknowledged) {
  for (int steps = 0;; ++steps) {
    const std::string id = Create(9, 5);
    int64_t number = Start(id).number;
    RecordRange(id, number, 0, 2);
    files_.CrashAfter(steps);
    const bool acknowledged = Record(id, number, 3).ok();
    const bool crashed = files_.Restart();
    Restart();
    ASSERT_TRUE(jobs_->Recover().ok());
    const Assignment next = Start(id);
    // Acknowledged means recorded; not acknowledged, the commit may still have been made before the power went.
    const int completed = Get(id).progress().completed_steps();
    EXPECT_TRUE(completed == 3 || (completed == 2 && !acknowledged)) << "crash before step " << steps;
    EXPECT_EQ(next.checkpoint_step, completed);
    EXPECT_EQ(next.checkpoint, CheckpointBytes(completed));
    for (int step = 0; step <= completed; ++step) EXPECT_EQ((*jobs_->LoadSamples(id, step))->values, Samples(step).values);
    RecordRange(id, next.number, completed + 1, 9);
    EXPECT_TRUE(jobs_->Finish(id, next.number, {}).ok());
    EXPECT_EQ(Events(id).size(), static_cast<size_t>(2 + 10 + 2 + 1));  // twice queued and running, each step once, the end
    if (!crashed) break;
  }
}

TEST_F(AssignmentsTest, RecoveryQueuesWhatRanInOrder) {
  const std::string first = Create(3), second = Create(3), third = Create(3), ended = Create(3);
  RecordRange(second, Start(second).number, 0, 1);
  ASSERT_TRUE(jobs_->Cancel(Scope::Everyone(), ended, "").ok());
  Restart();
  const auto queue = jobs_->Recover();
  ASSERT_TRUE(queue.ok()) << queue.status();
  EXPECT_THAT(IdsOf(*queue), ElementsAre(first, second, third));
  EXPECT_THAT(Story(second), ElementsAre("QUEUED", "RUNNING", "step 0", "step 1", "QUEUED"));
  EXPECT_EQ(Start(second).checkpoint_step, 1);
  EXPECT_TRUE(jobs_->LoadSamples(second, 0).ok());
}

TEST_F(AssignmentsTest, InnerProgressOfAnOldAssignmentIsNotShown) {
  const std::string id = Create(3);
  Start(id);
  auto watch = *log_->StartWatch(id, 0, true, [] {});
  v1::InnerProgress progress;
  progress.set_iteration(7);
  jobs_->RecordProgress(id, 2, progress);
  EXPECT_EQ(watch->Next(10)->progress, nullptr);
  jobs_->RecordProgress(id, 1, progress);
  EXPECT_EQ(watch->Next(10)->progress->inner_progress().iteration(), 7);
}

// The table at the end of docs/event_log.md.
TEST_F(AssignmentsTest, TheWorkedExampleOfTheDocumentation) {
  const std::string id = Create(3, 2);
  Start(id);
  RecordRange(id, 1, 0, 1);
  EXPECT_EQ(Get(id).etag(), "v4");
  EXPECT_EQ(KeptSteps(id), (std::vector<int>{1, 0}));
  Restart();
  ASSERT_TRUE(jobs_->Recover().ok());
  EXPECT_EQ(Start(id).checkpoint_step, 1);
  ASSERT_TRUE(Record(id, 2, 2).ok());
  EXPECT_EQ(KeptSteps(id), (std::vector<int>{2, 0}));
  ASSERT_TRUE(Record(id, 2, 3).ok());
  ASSERT_TRUE(jobs_->Finish(id, 2, {}).ok());
  EXPECT_THAT(Story(id), ElementsAre("QUEUED", "RUNNING", "step 0", "step 1", "QUEUED", "RUNNING", "step 2", "step 3", "SUCCEEDED"));
  EXPECT_EQ(KeptSteps(id), (std::vector<int>{3, 2, 0}));
  EXPECT_EQ(Get(id).etag(), "v9");
  auto watch = *log_->StartWatch(id, 3, false, [] {});
  const auto batch = watch->Next(100);
  ASSERT_TRUE(batch.ok());
  ASSERT_EQ(batch->events.size(), 6u);
  EXPECT_EQ(batch->events.front()->sequence(), 4);
  EXPECT_EQ(batch->events.back()->sequence(), 9);
  EXPECT_TRUE(batch->ended);
}

// Whatever is asked in whatever order: only allowed transitions, no gap, the projection is what the events say.
TEST_F(AssignmentsTest, RandomLivesKeepTheRules) {
  std::mt19937 random(17);
  for (int life = 0; life < 30; ++life) {
    const int total = 1 + static_cast<int>(random() % 5);
    const std::string id = Create(total, 1 + static_cast<int>(random() % 3));
    for (int move = 0; move < 40; ++move) {
      const v1::Job job = Get(id);
      const int64_t number = random() % 8 == 0 ? random() % 5 : job.progress().assignments();
      const int step = random() % 6 == 0 ? static_cast<int>(random() % 7) : NextStep(job.progress());
      switch (random() % 12) {
        case 0:
          jobs_->LoseWorker(id, number, "gone").IgnoreError();
          break;
        case 1:
          jobs_->Finish(id, number, {Outcome::Kind::kCompleted, {}}).IgnoreError();
          break;
        case 2:
          jobs_->Finish(id, number, {Outcome::Kind::kStopped, {}}).IgnoreError();
          break;
        case 3:
          jobs_->RefuseCheckpoint(id, number, step - 1, "bad").IgnoreError();
          break;
        case 4:
          if (random() % 10 == 0) jobs_->Cancel(Scope::Everyone(), id, "").IgnoreError();
          break;
        case 5:
        case 6:
        case 7:
          jobs_->Start(id, "cpu").IgnoreError();
          break;
        default:
          Record(id, number, step).IgnoreError();
          break;
      }
    }
    const v1::Job job = Get(id);
    v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
    int next_step = 0, assignments = 0;
    int64_t sequence = 0;
    for (const v1::JobEvent& event : Events(id)) {
      EXPECT_EQ(event.sequence(), ++sequence);
      if (event.has_step_completed()) {
        EXPECT_EQ(state, v1::Job::RUNNING);
        EXPECT_EQ(event.step_completed().report().step(), next_step++);
      }
      if (!event.has_state_changed()) continue;
      EXPECT_TRUE(IsAllowed(state, event.state_changed().state()));
      state = event.state_changed().state();
      assignments += state == v1::Job::RUNNING ? 1 : 0;
    }
    EXPECT_EQ(job.state(), state);
    EXPECT_EQ(job.progress().last_sequence(), sequence);
    EXPECT_EQ(job.progress().assignments(), assignments);
    EXPECT_EQ(NextStep(job.progress()), next_step);
    EXPECT_TRUE(state != v1::Job::SUCCEEDED || job.progress().completed_steps() == total);
  }
}

TEST(TransitionsTest, NothingFollowsAFinalState) {
  for (int from = v1::Job::State_MIN; from <= v1::Job::State_MAX; ++from) {
    for (int to = v1::Job::State_MIN; to <= v1::Job::State_MAX; ++to) {
      const bool allowed = IsAllowed(static_cast<v1::Job::State>(from), static_cast<v1::Job::State>(to));
      EXPECT_FALSE(allowed && (from >= v1::Job::SUCCEEDED || from == to)) << from << " " << to;
    }
  }
  EXPECT_TRUE(IsAllowed(v1::Job::RUNNING, v1::Job::QUEUED));
  EXPECT_FALSE(IsAllowed(v1::Job::QUEUED, v1::Job::SUCCEEDED));
  EXPECT_FALSE(IsAllowed(v1::Job::PAUSED, v1::Job::RUNNING));
}

}  // namespace
}  // namespace sliceflow::jobs
