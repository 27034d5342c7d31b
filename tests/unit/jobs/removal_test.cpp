// Deletion that can be taken back, and what retention removes.
#include <gmock/gmock.h>

#include "absl/synchronization/notification.h"
#include "server/jobs/caretaker.h"
#include "server/jobs/retention.h"
#include "server/jobs/sweep.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RemovalTest : public JobsFixture {
 protected:
  const Scope all_ = Scope::Everyone();

  // A job with steps 0 to 2, cancelled.
  std::string Ended(const std::string& owner = "") {
    std::string id = IdOf(*jobs_->Create(Request(9), owner, "", "", kManyJobs));
    RecordRange(id, Start(id).number, 0, 2);
    EXPECT_TRUE(jobs_->Cancel(all_, id, "").ok());
    return id;
  }

  bool IsGone(const std::string& id) { return absl::IsNotFound(jobs_->Get(all_, id).status()); }
  bool IsDeleted(const std::string& id) { return Get(id).has_delete_time(); }

  void TidyAll() {
    for (int round = 0; round < 100; ++round) {
      const absl::StatusOr<bool> more = jobs_->Tidy();
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
    }
    FAIL() << "no end";
  }

  std::vector<std::string> Listed(bool with_deleted) {
    store::JobQuery query;
    query.with_deleted = with_deleted;
    std::vector<std::string> names;
    const auto page = jobs_->List(all_, query);
    for (const v1::Job& job : page->jobs) names.push_back(IdOf(job));
    return names;
  }

  void Restart(const RetentionOptions& retention) {
    retention_ = retention;
    JobsFixture::Restart();
  }
};

TEST_F(RemovalTest, ADeletedJobIsThereUntilItsPurgeTime) {
  const std::string id = Ended();
  const auto deleted = jobs_->Delete(all_, id, Get(id).etag());
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->delete_time().seconds(), 2'000'000'000);
  EXPECT_EQ(deleted->purge_time().seconds(), 2'000'000'000 + 7 * 24 * 3600);
  EXPECT_EQ(deleted->state(), v1::Job::CANCELLED);
  JobsFixture::Restart();
  EXPECT_EQ(Get(id).SerializeAsString(), deleted->SerializeAsString());
  EXPECT_EQ(jobs_->Delete(all_, id, "")->etag(), deleted->etag());  // again: nothing changes
  EXPECT_THAT(Listed(false), IsEmpty());
  EXPECT_THAT(Listed(true), ElementsAre(id));
  EXPECT_EQ(jobs_->LoadCheckpoint(id, 1)->bytes, CheckpointBytes(1));
  clock_.Advance(absl::Hours(7 * 24) - absl::Seconds(1));
  TidyAll();
  EXPECT_FALSE(IsGone(id));
  clock_.Advance(absl::Seconds(1));
  JobsFixture::Restart();
  TidyAll();
  EXPECT_TRUE(IsGone(id));
  EXPECT_THAT(files_.Paths(), IsEmpty());
}

TEST_F(RemovalTest, UndeletedItIsAsBefore) {
  const std::string id = Ended();
  EXPECT_EQ(Reason(jobs_->Undelete(all_, id, "").status()), "JOB_NOT_DELETED");
  ASSERT_TRUE(jobs_->Delete(all_, id, "").ok());
  EXPECT_EQ(Reason(jobs_->Undelete(all_, id, "v1").status()), "ETAG_MISMATCH");
  const auto back = jobs_->Undelete(all_, id, "");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_FALSE(back->has_delete_time());
  EXPECT_FALSE(back->has_purge_time());
  EXPECT_THAT(Listed(false), ElementsAre(id));
  clock_.Advance(absl::Hours(30 * 24));
  TidyAll();
  EXPECT_FALSE(IsGone(id));
}

TEST_F(RemovalTest, OnlyEndedJobsOfTheScopeAreDeleted) {
  const std::string id = Create(3);
  EXPECT_EQ(Reason(jobs_->Delete(all_, id, "").status()), "JOB_NOT_ENDED");
  EXPECT_EQ(Reason(jobs_->Purge(all_, id, "").status()), "JOB_NOT_ENDED");
  const std::string other = Ended("ada");
  for (const auto& command : {&Jobs::Delete, &Jobs::Undelete, &Jobs::Purge}) {
    EXPECT_TRUE(absl::IsNotFound((*jobs_.*command)(Scope::Of("bob"), other, "").status()));
  }
}

TEST_F(RemovalTest, PurgedItIsGoneAtOnceAlsoWhenItWasDeleted) {
  const std::string id = Ended(), deleted = Ended(), other = Ended();
  ASSERT_TRUE(jobs_->Delete(all_, deleted, "").ok());
  EXPECT_TRUE(jobs_->Purge(all_, id, "").ok());
  EXPECT_TRUE(jobs_->Purge(all_, deleted, "").ok());
  EXPECT_TRUE(IsGone(id) && IsGone(deleted));
  EXPECT_TRUE(absl::IsNotFound(jobs_->Purge(all_, id, "").status()));
  EXPECT_FALSE(jobs_->LoadSamples(id, 1).ok());  // nor from the cache
  for (const std::string& path : files_.Paths()) EXPECT_THAT(path, HasSubstr(other));
}

// A watch of a deleted job shows it; what it waits for ends with the purge.
TEST_F(RemovalTest, WatchesOfADeletedJobGoOnToTheirEnd) {
  const std::string id = Ended();
  ASSERT_TRUE(jobs_->Delete(all_, id, "").ok());
  auto watch = log_->StartWatch(id, 0, false, [] {});
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_TRUE((*watch)->Next(100)->ended);
  ASSERT_TRUE(jobs_->Purge(all_, id, "").ok());
  EXPECT_TRUE(absl::IsNotFound((*watch)->Next(100).status()));
}

TEST_F(RemovalTest, RetentionDeletesWhatEndedLongAgo) {
  Restart({.max_age = absl::Hours(10)});
  const std::string old = Ended();
  clock_.Advance(absl::Hours(6));
  const std::string newer = Ended(), waiting = Create(3);
  clock_.Advance(absl::Hours(5));
  TidyAll();
  EXPECT_TRUE(IsDeleted(old));
  EXPECT_FALSE(IsDeleted(newer));
  clock_.Advance(absl::Hours(100 * 24));
  TidyAll();  // purges the one, deletes the other
  EXPECT_TRUE(IsGone(old));
  EXPECT_TRUE(IsDeleted(newer));
  EXPECT_FALSE(IsDeleted(waiting));
}

TEST_F(RemovalTest, RetentionByCountIsOfEachOwner) {
  Restart({.max_jobs = 2});
  std::vector<std::string> ada, bob;
  for (int i = 0; i < 60; ++i) {
    ada.push_back(Ended("ada"));
    clock_.Advance(absl::Seconds(1));
  }
  bob.push_back(Ended("bob"));
  TidyAll();  // more than one piece of work
  for (size_t i = 0; i < ada.size(); ++i) EXPECT_EQ(IsDeleted(ada[i]), i < 58) << i;
  EXPECT_FALSE(IsDeleted(bob[0]));
}

TEST_F(RemovalTest, RetentionByBytesPurgesDeletedJobsThenTheOldest) {
  const std::string oldest = Ended("ada"), older = Ended("bob");
  clock_.Advance(absl::Seconds(1));
  const std::string deleted = Ended("ada"), newest = Ended("bob");
  ASSERT_TRUE(jobs_->Delete(all_, deleted, "").ok());
  const std::string running = Create(9);
  RecordRange(running, Start(running).number, 0, 2);
  const int64_t each = store_->GetUsage("bob")->stored_bytes / 2;
  Restart({.max_bytes = 4 * each});
  TidyAll();
  EXPECT_TRUE(IsGone(deleted));
  EXPECT_FALSE(IsGone(oldest));
  Restart({.max_bytes = 2 * each});
  TidyAll();
  EXPECT_TRUE(IsGone(oldest) && IsGone(older));
  EXPECT_FALSE(IsGone(newest));
  Restart({.max_bytes = 1});
  TidyAll();
  EXPECT_TRUE(IsGone(newest));
  EXPECT_EQ(jobs_->LoadCheckpoint(running, 2)->bytes, CheckpointBytes(2));
  for (const std::string& path : files_.Paths()) EXPECT_THAT(path, HasSubstr(running));
}

TEST_F(RemovalTest, WithoutBoundsNothingGoes) {
  const std::string id = Ended();
  clock_.Advance(absl::Hours(100'000));
  TidyAll();
  EXPECT_FALSE(IsDeleted(id));
}

// The log of a job that runs: the job goes on, and a watcher is told what is left of it.
TEST_F(RemovalTest, LongLogsAreCutWithSamplesAndGoOn) {
  Restart({.max_events_per_job = 5});
  const std::string id = Create(20);
  const Assignment assignment = Start(id);
  RecordRange(id, assignment.number, 0, 2);
  TidyAll();
  EXPECT_EQ(Events(id).size(), 5u);  // not too long
  auto behind = log_->StartWatch(id, 1, false, [] {});
  RecordRange(id, assignment.number, 3, 9);
  TidyAll();
  ASSERT_EQ(Events(id).size(), 5u);
  EXPECT_EQ(Events(id).front().step_completed().report().step(), 5);
  const auto batch = (*behind)->Next(100);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->compacted_to, 8);
  EXPECT_EQ(batch->events.size(), 5u);
  EXPECT_EQ(jobs_->LoadSamples(id, 4)->get()->rows(), 0);
  EXPECT_EQ(jobs_->LoadSamples(id, 5)->get()->values, Samples(5).values);
  EXPECT_EQ(KeptSteps(id).size(), 10u);
  EXPECT_EQ(jobs_->LoadCheckpoint(id, 2)->bytes, CheckpointBytes(2));
  ASSERT_TRUE(jobs_->LoseWorker(id, assignment.number, "gone").ok());
  EXPECT_EQ(Start(id).checkpoint, CheckpointBytes(9));
  behind->reset();  // a watch does not outlive its log
  JobsFixture::Restart();
  ASSERT_TRUE(jobs_->Recover().ok());
  ASSERT_TRUE(SweepJobFiles(*store_, blobs_, StopLatch()).ok());
  EXPECT_EQ(jobs_->LoadSamples(id, 5)->get()->values, Samples(5).values);
  for (const std::string& path : files_.Paths()) EXPECT_THAT(path, ::testing::Not(HasSubstr("samples-000004")));
}

TEST_F(RemovalTest, TheCaretakerLooksAtOnce) {
  const std::string id = Ended();
  ASSERT_TRUE(jobs_->Delete(all_, id, "").ok());
  clock_.Advance(absl::Hours(8 * 24));
  auto watch = log_->StartWatch(id, 0, false, [] {});
  absl::Notification purged;
  auto waiting = log_->StartWatch(id, 0, false, [&] {
    if (absl::IsNotFound((*watch)->Next(100).status()) && !purged.HasBeenNotified()) purged.Notify();
  });
  {
    const Caretaker caretaker(*jobs_, absl::Hours(1), [](const absl::Status& status) { ADD_FAILURE() << status; });
    EXPECT_TRUE(purged.WaitForNotificationWithTimeout(absl::Seconds(60)));
  }
  EXPECT_TRUE(IsGone(id));
}

}  // namespace
}  // namespace sliceflow::jobs
