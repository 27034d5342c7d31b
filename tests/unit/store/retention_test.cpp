// Deleted jobs, and what is to go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "server/store/store.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/store/rows.h"

namespace sliceflow::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RetentionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Change(const std::string& id, const std::function<void(JobCommit&)>& change) {
    JobCommit commit = MoreEvents(*store_->GetJob(id), 0);
    change(commit);
    const absl::Status status = store_->Commit(commit);
    ASSERT_TRUE(status.ok()) << status;
  }

  void CreateEnded(const std::string& id, const std::string& owner, int64_t end_time_us) {
    JobCommit commit = NewJob(id);
    commit.row.owner = owner;
    ASSERT_TRUE(store_->CreateJob(commit, owner, "", "").ok());
    Change(id, [&](JobCommit& end) {
      end.row.state = kSucceeded;
      end.row.end_time_us = end_time_us;
    });
  }

  void SetTimes(const std::string& id, int64_t delete_time_us, int64_t purge_time_us) {
    Change(id, [&](JobCommit& commit) {
      commit.row.end_time_us = 1;
      commit.row.delete_time_us = delete_time_us;
      commit.row.purge_time_us = purge_time_us;
    });
  }

  std::vector<std::string> Listed(bool with_deleted) {
    JobQuery query;
    query.with_deleted = with_deleted;
    std::vector<std::string> ids;
    const auto rows = store_->ListJobs(query);
    for (const JobRow& row : *rows) ids.push_back(row.id);
    return ids;
  }

  testing::TempFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(RetentionTest, DeletedJobsAreListedOnlyOnRequestAndPurgedWhenDue) {
  for (const char* id : {"a", "b", "c"}) CreateEnded(id, "", 1);
  SetTimes("a", 10, 40);
  SetTimes("b", 20, 30);
  EXPECT_THAT(Listed(false), ElementsAre("c"));
  EXPECT_THAT(Listed(true), ElementsAre("c", "b", "a"));
  EXPECT_THAT(*store_->JobsToPurge(29, 10), IsEmpty());
  EXPECT_THAT(*store_->JobsToPurge(30, 10), ElementsAre("b"));
  EXPECT_THAT(*store_->JobsToPurge(50, 10), ElementsAre("b", "a"));
  EXPECT_THAT(*store_->JobsToPurge(50, 1), ElementsAre("b"));
  SetTimes("b", 0, 0);
  EXPECT_THAT(Listed(false), ElementsAre("c", "b"));
  EXPECT_THAT(*store_->JobsToPurge(50, 10), ElementsAre("a"));
}

TEST_F(RetentionTest, BeyondABoundAreTheOldestOfEachOwner) {
  CreateEnded("a1", "ada", 10);
  CreateEnded("b1", "bob", 20);
  CreateEnded("a2", "ada", 40);
  CreateEnded("a3", "ada", 30);
  ASSERT_TRUE(store_->CreateJob(NewJob("running", kRunning), "", "", "").ok());
  EXPECT_THAT(*store_->JobsBeyond({}, 10), IsEmpty());
  EXPECT_THAT(*store_->JobsBeyond({.ended_before_us = 30}, 10), ElementsAre("a1", "b1"));
  EXPECT_THAT(*store_->JobsBeyond({.max_jobs = 2}, 10), ElementsAre("a1"));
  EXPECT_THAT(*store_->JobsBeyond({.max_jobs = 1}, 10), ElementsAre("a1", "a3"));
  EXPECT_THAT(*store_->JobsBeyond({.max_jobs = 0}, 2), ElementsAre("a1", "b1"));
  SetTimes("a1", 50, 60);  // deleted ones are beyond no bound any more
  EXPECT_THAT(*store_->JobsBeyond({.max_jobs = 2}, 10), IsEmpty());
}

TEST_F(RetentionTest, BeyondBytesAreDeletedJobsThenTheOldestUntilItIsEnough) {
  for (const char* id : {"a", "b", "c", "d", "empty"}) CreateEnded(id, "", id[0]);
  ASSERT_TRUE(store_->CreateJob(NewJob("running", kRunning), "", "", "").ok());
  for (const char* id : {"a", "b", "c", "d", "running"}) {
    Change(id, [](JobCommit& commit) {
      commit.row.end_time_us = commit.row.state == kRunning ? 0 : commit.row.id[0];
      commit.step = StepRow{0, 1, "s", {1}, "c", 60, 40};
    });
  }
  SetTimes("d", 20, 1000);
  SetTimes("c", 30, 1000);
  EXPECT_THAT(*store_->JobsBeyondBytes(500, 10), IsEmpty());
  EXPECT_THAT(*store_->JobsBeyondBytes(499, 10), ElementsAre("d"));
  EXPECT_THAT(*store_->JobsBeyondBytes(400, 10), ElementsAre("d"));
  EXPECT_THAT(*store_->JobsBeyondBytes(399, 10), ElementsAre("d", "c"));
  EXPECT_THAT(*store_->JobsBeyondBytes(250, 10), ElementsAre("d", "c", "a"));
  EXPECT_THAT(*store_->JobsBeyondBytes(0, 10), ElementsAre("d", "c", "a", "b"));
  EXPECT_THAT(*store_->JobsBeyondBytes(0, 3), ElementsAre("d", "c", "a"));
}

TEST_F(RetentionTest, OldEventsGoWithTheSamplesOfTheirStepsAndTheLogGoesOn) {
  ASSERT_TRUE(store_->CreateJob(NewJob("a"), "", "", "").ok());
  for (int step = 0; step < 4; ++step) {
    JobCommit commit = MoreEvents(*store_->GetJob("a"), 1);
    commit.step = StepRow{step, commit.row.last_sequence, absl::StrCat("s", step), {1, 1}, absl::StrCat("c", step)};
    ASSERT_TRUE(store_->Commit(commit).ok());
  }
  EXPECT_THAT(*store_->JobsWithLongLogs(4, 10), ElementsAre("a"));
  EXPECT_THAT(*store_->JobsWithLongLogs(5, 10), IsEmpty());
  EXPECT_EQ(store_->StepsWithSamples("a", 4)->size(), 2u);
  Change("a", [](JobCommit& commit) { commit.drop_events_before = 4; });
  EXPECT_THAT(*store_->StepsWithSamples("a", 4), IsEmpty());
  EXPECT_EQ(store_->ReadEvents("a", 0, 10, 1 << 20)->front().sequence, 4);
  EXPECT_EQ(store_->GetStep("a", 1)->checkpoint_key, "c1");
  EXPECT_EQ(store_->GetStep("a", 2)->samples_key, "s2");
  EXPECT_THAT(*store_->JobsWithLongLogs(2, 10), IsEmpty());
  EXPECT_THAT(*store_->JobsWithLongLogs(1, 10), ElementsAre("a"));
  EXPECT_TRUE(store_->Commit(MoreEvents(*store_->GetJob("a"), 2)).ok());
  EXPECT_EQ(store_->GetJob("a")->last_sequence, 7);
}

}  // namespace
}  // namespace sliceflow::store
