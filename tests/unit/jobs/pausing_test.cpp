// Jobs that are set aside and taken up again.
#include <gmock/gmock.h>

#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PausingTest : public JobsFixture {
 protected:
  const Scope everyone_ = Scope::Everyone();
};

TEST_F(PausingTest, ARunningJobIsSetAsideAndGoesOnFromItsLastStep) {
  const std::string id = Create(9);
  const Assignment assignment = Start(id);
  RecordRange(id, assignment.number, 0, 3);
  const auto paused = jobs_->Pause(everyone_, id, "");
  ASSERT_TRUE(paused.ok()) << paused.status();
  EXPECT_EQ(paused->state(), v1::Job::PAUSED);
  EXPECT_FALSE(paused->has_end_time());
  EXPECT_THAT(listener_.TakeStopped(), ElementsAre(id));
  // What its worker still has to say changes nothing.
  EXPECT_EQ(Reason(Record(id, assignment.number, 4)), "STALE_ASSIGNMENT");
  EXPECT_EQ(Reason(jobs_->Finish(id, assignment.number, {Outcome::Kind::kStopped, {}})), "STALE_ASSIGNMENT");
  EXPECT_EQ(Reason(jobs_->LoseWorker(id, assignment.number, "gone")), "STALE_ASSIGNMENT");
  Restart();
  EXPECT_THAT(*jobs_->Recover(), IsEmpty());  // a restart does not wake it
  EXPECT_EQ(Reason(jobs_->Start(id, "cpu").status()), "JOB_NOT_QUEUED");
  listener_.TakeQueued();
  const auto resumed = jobs_->Resume(everyone_, id, "");
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->state(), v1::Job::QUEUED);
  EXPECT_THAT(listener_.TakeQueued(), ElementsAre(id));
  EXPECT_EQ(Start(id).checkpoint_step, 3);
  EXPECT_THAT(Story(id), ElementsAre("QUEUED", "RUNNING", "step 0", "step 1", "step 2", "step 3", "PAUSED", "QUEUED", "RUNNING"));
  EXPECT_EQ(Events(id)[6].state_changed().reason(), "paused on request");
  EXPECT_EQ(Events(id)[7].state_changed().reason(), "resumed on request");
}

TEST_F(PausingTest, DoingItTwiceChangesNothing) {
  const std::string id = Create(9);
  const std::string etag = jobs_->Pause(everyone_, id, "")->etag();
  EXPECT_EQ(jobs_->Pause(everyone_, id, "")->etag(), etag);
  EXPECT_THAT(listener_.TakeStopped(), ElementsAre(id));
  const std::string resumed = jobs_->Resume(everyone_, id, "")->etag();
  EXPECT_EQ(jobs_->Resume(everyone_, id, "")->etag(), resumed);
  Start(id);
  EXPECT_EQ(jobs_->Resume(everyone_, id, "")->state(), v1::Job::RUNNING);
}

TEST_F(PausingTest, WhatIsToldOfAJobGrowsWithItsHistory) {
  const std::string id = Create(9);
  const int64_t created = listener_.newest().sequence;
  ASSERT_TRUE(jobs_->Pause(everyone_, id, "").ok());
  ASSERT_TRUE(jobs_->Resume(everyone_, id, "").ok());
  EXPECT_GT(listener_.newest().sequence, created + 1);
}

TEST_F(PausingTest, AnEndedJobAnotherOwnersJobAndAnOldEtagAreRefused) {
  const auto created = jobs_->Create(Request(9), "ada", "", "", kManyJobs);
  const std::string id = IdOf(*created);
  for (const auto command : {&Jobs::Pause, &Jobs::Resume}) {
    EXPECT_TRUE(absl::IsNotFound((jobs_.get()->*command)(Scope::Of("bob"), id, "").status()));
    EXPECT_TRUE(absl::IsNotFound((jobs_.get()->*command)(everyone_, "none", "").status()));
    EXPECT_EQ(Reason((jobs_.get()->*command)(Scope::Of("ada"), id, "v9").status()), "ETAG_MISMATCH");
  }
  EXPECT_EQ(Get(id).etag(), created->etag());
  ASSERT_TRUE(jobs_->Pause(Scope::Of("ada"), id, created->etag()).ok());
  ASSERT_TRUE(jobs_->Cancel(everyone_, id, "").ok());
  for (const auto command : {&Jobs::Pause, &Jobs::Resume}) {
    const absl::Status refused = (jobs_.get()->*command)(everyone_, id, "").status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused));
    EXPECT_EQ(Reason(refused), "JOB_ENDED");
  }
}

}  // namespace
}  // namespace sliceflow::jobs
