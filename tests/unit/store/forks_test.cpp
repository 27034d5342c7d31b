// Jobs that share steps: which rows are copied, and which blobs anything still refers to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/store/store.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/store/rows.h"

namespace sliceflow::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class ForksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  static constexpr int64_t kSamplesBytes = 100, kCheckpointBytes = 10;

  // A job with steps 0 to `last`, each told by one event, of which only those of even number keep a checkpoint.
  void CreateWithSteps(const std::string& id, int last) {
    ASSERT_TRUE(store_->CreateJob(NewJob(id), "", "", "").ok());
    for (int step = 0; step <= last; ++step) {
      JobCommit commit = MoreEvents(*store_->GetJob(id), 1);
      const bool kept = step % 2 == 0;
      commit.step = StepRow{step,
                            commit.row.last_sequence,
                            absl::StrCat("jobs/", id, "/s", step),
                            {4, 2},
                            kept ? absl::StrCat("jobs/", id, "/c", step) : "",
                            kSamplesBytes,
                            kept ? kCheckpointBytes : 0};
      ASSERT_TRUE(store_->Commit(commit).ok());
    }
  }

  // A fork of `parent` with an event for each shared step.
  absl::Status CreateFork(const std::string& id, const std::string& parent, int step, std::vector<ForkAncestor> ancestors) {
    JobCommit commit = NewJob(id);
    for (int shared = 0; shared <= step; ++shared) commit.events.push_back(MakeEvent(shared + 2));
    commit.row.last_sequence = step + 2;
    commit.fork = Fork{parent, step, 0, std::move(ancestors)};
    return store_->CreateJob(commit, "", "", "");
  }

  std::vector<std::string> Shared(const std::string& id) { return *store_->KeysSharedByForks(id, absl::StrCat("jobs/", id, "/")); }

  void Delete(const std::string& id) { ASSERT_TRUE(store_->DeleteJob(id, store_->GetJob(id)->version).ok()); }

  testing::TempFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(ForksTest, ShareTheStepsUpToTheirOwnAndNameTheParentsBlobs) {
  CreateWithSteps("p", 4);
  ASSERT_TRUE(CreateFork("f", "p", 2, {{2, "p", "made from p"}}).ok());
  for (int step = 0; step <= 2; ++step) {
    const auto row = store_->GetStep("f", step);
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->sequence, step + 2);
    EXPECT_EQ(row->samples_key, absl::StrCat("jobs/p/s", step));
    EXPECT_THAT(row->samples_shape, ElementsAre(4, 2));
  }
  EXPECT_TRUE(absl::IsNotFound(store_->GetStep("f", 3).status()));
  const auto kept = store_->KeptSteps("f");
  ASSERT_EQ(kept->size(), 2u);
  EXPECT_EQ((*kept)[0].checkpoint_key, "jobs/p/c2");
  EXPECT_EQ((*kept)[1].checkpoint_key, "jobs/p/c0");
  const auto ancestors = store_->ForkAncestors("f");
  ASSERT_EQ(ancestors->size(), 1u);
  EXPECT_EQ((*ancestors)[0].made_from, "made from p");
  EXPECT_THAT(*store_->ForkAncestors("p"), IsEmpty());
}

TEST_F(ForksTest, StepsWhoseEventsWereDroppedAreSharedWithoutOne) {
  CreateWithSteps("p", 4);
  JobCommit commit = NewJob("f");
  commit.events.push_back(MakeEvent(2));  // of step 4 alone
  commit.row.last_sequence = 2;
  commit.fork = Fork{"p", 4, 4, {{4, "p", ""}}};
  ASSERT_TRUE(store_->CreateJob(commit, "", "", "").ok());
  EXPECT_EQ(store_->GetStep("f", 3)->sequence, 0);
  EXPECT_EQ(store_->GetStep("f", 4)->sequence, 2);
}

TEST_F(ForksTest, WithoutACheckpointThereIsNoFork) {
  CreateWithSteps("p", 4);
  EXPECT_TRUE(absl::IsFailedPrecondition(CreateFork("f", "p", 3, {{3, "p", ""}})));
  EXPECT_TRUE(absl::IsFailedPrecondition(CreateFork("f", "none", 2, {{2, "none", ""}})));
  EXPECT_TRUE(absl::IsNotFound(store_->GetJob("f").status()));
}

TEST_F(ForksTest, BlobsAreSharedForAsLongAsAForkRefersToThem) {
  CreateWithSteps("p", 4);
  ASSERT_TRUE(CreateFork("f", "p", 2, {{2, "p", ""}}).ok());
  EXPECT_TRUE(*store_->IsSharedByForks("p", 2, "jobs/p/c2"));
  EXPECT_TRUE(*store_->IsSharedByForks("p", 2, "jobs/p/s2"));
  EXPECT_FALSE(*store_->IsSharedByForks("p", 4, "jobs/p/c4"));
  EXPECT_FALSE(*store_->IsSharedByForks("f", 2, "jobs/p/c2"));
  const std::vector<std::string> shared = {"jobs/p/s0", "jobs/p/s1", "jobs/p/s2", "jobs/p/c0", "jobs/p/c2"};
  EXPECT_THAT(Shared("p"), ::testing::UnorderedElementsAreArray(shared));
  Delete("p");
  EXPECT_THAT(Shared("p"), ::testing::UnorderedElementsAreArray(shared));
  EXPECT_THAT(*store_->ReferencedKeys("jobs/"), ::testing::UnorderedElementsAreArray(shared));
  JobCommit drop = MoreEvents(*store_->GetJob("f"), 0);
  drop.dropped_checkpoints = {2};
  ASSERT_TRUE(store_->Commit(drop).ok());
  EXPECT_FALSE(*store_->IsSharedByForks("p", 2, "jobs/p/c2"));
  Delete("f");
  EXPECT_THAT(Shared("p"), IsEmpty());
  EXPECT_THAT(*store_->ReferencedKeys("jobs/"), IsEmpty());
}

TEST_F(ForksTest, WhatIsSharedIsCountedOnceForAsLongAsAnyoneKeepsIt) {
  const auto stored = [&] { return store_->GetUsage("")->stored_bytes; };
  const int64_t all = 5 * kSamplesBytes + 3 * kCheckpointBytes;
  CreateWithSteps("p", 4);
  ASSERT_TRUE(CreateFork("f", "p", 2, {{2, "p", ""}}).ok());
  EXPECT_EQ(stored(), all);
  JobCommit drop = MoreEvents(*store_->GetJob("p"), 0);
  drop.drop_events_before = 4;  // with them the samples of steps 0 and 1
  ASSERT_TRUE(store_->Commit(drop).ok());
  EXPECT_EQ(stored(), all);
  drop = MoreEvents(*store_->GetJob("p"), 0);
  drop.dropped_checkpoints = {0};
  ASSERT_TRUE(store_->Commit(drop).ok());
  EXPECT_EQ(stored(), all);
  Delete("f");
  EXPECT_EQ(stored(), 3 * kSamplesBytes + 2 * kCheckpointBytes);
  Delete("p");
  EXPECT_EQ(stored(), 0);
}

TEST_F(ForksTest, AForkOfAForkSharesWithBoth) {
  CreateWithSteps("p", 4);
  ASSERT_TRUE(CreateFork("f", "p", 2, {{2, "p", "P"}}).ok());
  JobCommit own = MoreEvents(*store_->GetJob("f"), 1);
  own.step = StepRow{3, own.row.last_sequence, "jobs/f/s3", {4, 2}, "jobs/f/c3"};
  ASSERT_TRUE(store_->Commit(own).ok());
  ASSERT_TRUE(CreateFork("g", "f", 3, {{2, "p", "P"}, {3, "f", "F"}}).ok());
  Delete("p");
  Delete("f");
  EXPECT_THAT(Shared("f"), UnorderedElementsAre("jobs/f/s3", "jobs/f/c3"));
  EXPECT_EQ(Shared("p").size(), 5u);
  EXPECT_EQ(store_->GetStep("g", 2)->checkpoint_key, "jobs/p/c2");
}

}  // namespace
}  // namespace sliceflow::store
