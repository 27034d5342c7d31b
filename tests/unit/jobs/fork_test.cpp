// Forks: what they share with their parents, and for how long.
#include <gmock/gmock.h>

#include <set>

#include "server/jobs/request_hash.h"
#include "server/jobs/retention.h"
#include "server/jobs/sweep.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ForkTest : public JobsFixture {
 protected:
  const Scope all_ = Scope::Everyone();

  // A job with steps 0 to `done` of `steps`, whose worker goes on.
  std::string Parent(int steps, int done, int checkpoint_every = 1) {
    std::string id = Create(steps, checkpoint_every);
    RecordRange(id, Start(id).number, 0, done);
    return id;
  }

  absl::StatusOr<v1::Job> TryFork(const std::string& parent, std::optional<int> step, int steps, const std::string& request_id = "",
                                  double step_size = 0.4) {
    const absl::StatusOr<ForkPoint> point = jobs_->FindForkPoint(all_, parent, step);
    if (!point.ok()) return point.status();
    v1::Job job;
    job.set_owner(point->parent.owner());
    *job.mutable_spec() = point->parent.spec();
    job.mutable_spec()->mutable_schedule()->set_step_size(step_size);
    job.mutable_spec()->mutable_schedule()->set_num_steps(steps);
    job.mutable_progress()->set_total_steps(steps);
    *job.mutable_fork_origin() = point->origin;
    return jobs_->Fork(std::move(job), "", request_id, "hash", kManyJobs);
  }
  std::string Fork(const std::string& parent, std::optional<int> step, int steps) {
    const auto job = TryFork(parent, step, steps);
    EXPECT_TRUE(job.ok()) << job.status();
    return IdOf(*job);
  }

  void End(const std::string& id) { ASSERT_TRUE(jobs_->Cancel(all_, id, "").ok()); }
  void Purge(const std::string& id) {
    const auto purged = jobs_->Purge(all_, id, "");
    ASSERT_TRUE(purged.ok()) << purged.status();
  }

  int64_t StoredBytes() { return store_->GetUsage("")->stored_bytes; }

  // Bytes of samples and checkpoints on the disk.
  int64_t BytesOfFiles() {
    const std::vector<std::string> keys = *store_->ReferencedKeys("jobs/");  // each as often as it is referred to
    int64_t bytes = 0;
    for (const std::string& key : std::set<std::string>(keys.begin(), keys.end())) bytes += *blobs_.Size(key);
    return bytes;
  }

  std::vector<std::string> PathsOf(const std::string& id) {
    std::vector<std::string> paths;
    for (const std::string& path : files_.Paths()) {
      if (path.find(id) != std::string::npos) paths.push_back(path);
    }
    return paths;
  }
};

TEST_F(ForkTest, BeginsWithTheParentsStepsAsItsOwn) {
  const std::string parent = Parent(4, 3);
  listener_.TakeQueued();
  const std::string fork = Fork(parent, 2, 6);
  EXPECT_EQ(listener_.TakeQueued().size(), 1u);
  EXPECT_THAT(Story(fork), ElementsAre("QUEUED", "step 0", "step 1", "step 2"));
  const v1::Job job = Get(fork);
  EXPECT_EQ(job.fork_origin().job(), "jobs/" + parent);
  EXPECT_EQ(job.fork_origin().step(), 2);
  EXPECT_DOUBLE_EQ(job.fork_origin().sliced_time(), 2 * 0.1 / 2);  // in the plane
  EXPECT_EQ(job.progress().completed_steps(), 2);
  EXPECT_EQ(job.progress().total_steps(), 6);
  EXPECT_EQ(job.progress().last_sequence(), 4);
  EXPECT_EQ(job.progress().last_step().SerializeAsString(), Report(2).SerializeAsString());
  const std::vector<v1::JobEvent> theirs = Events(parent), own = Events(fork);
  for (int step = 0; step <= 2; ++step) {
    EXPECT_EQ(own[step + 1].sequence(), step + 2);
    EXPECT_EQ(own[step + 1].step_completed().SerializeAsString(), theirs[step + 2].step_completed().SerializeAsString());
    EXPECT_EQ(jobs_->LoadSamples(fork, step)->get()->values, Samples(step).values);
    EXPECT_EQ(jobs_->LoadCheckpoint(fork, step)->bytes, CheckpointBytes(step));
  }
  EXPECT_THAT(PathsOf(fork), IsEmpty());  // no bytes of its own
}

TEST_F(ForkTest, GoesOnFromTheParentsCheckpointAndThenFromItsOwn) {
  const std::string parent = Parent(4, 3);
  const std::string fork = Fork(parent, 2, 6);
  Assignment assignment = Start(fork);
  EXPECT_EQ(assignment.checkpoint_step, 2);
  EXPECT_EQ(assignment.checkpoint, CheckpointBytes(2));
  ASSERT_TRUE(assignment.made_from.has_value());
  EXPECT_EQ(assignment.made_from->spec().schedule().step_size(), 0.1);
  EXPECT_EQ(assignment.made_from->spec().schedule().num_steps(), 4);
  EXPECT_FALSE(assignment.made_from->has_fork_origin());
  RecordRange(fork, assignment.number, 3, 3);
  ASSERT_TRUE(jobs_->LoseWorker(fork, assignment.number, "gone").ok());
  assignment = Start(fork);
  EXPECT_EQ(assignment.checkpoint_step, 3);
  EXPECT_FALSE(assignment.made_from.has_value());
  RecordRange(fork, assignment.number, 4, 6);
  ASSERT_TRUE(jobs_->Finish(fork, assignment.number, {}).ok());
  EXPECT_EQ(Get(fork).state(), v1::Job::SUCCEEDED);
  EXPECT_THAT(Story(parent), ElementsAre("QUEUED", "RUNNING", "step 0", "step 1", "step 2", "step 3"));
}

// Queries at a step are told what its checkpoint was made from, whoever made it.
TEST_F(ForkTest, CheckpointsComeWithWhatTheyWereMadeFrom) {
  const std::string first = Parent(4, 3);
  const std::string second = Fork(first, 2, 6);
  RecordRange(second, Start(second).number, 3, 4);
  const std::string third = Fork(second, 4, 8);
  const std::string other = Fork(second, 1, 9);  // at a step that the second only shares
  EXPECT_DOUBLE_EQ(Get(third).fork_origin().sliced_time(), 2 * 0.05 + 2 * 0.2);
  EXPECT_DOUBLE_EQ(Get(other).fork_origin().sliced_time(), 0.05);
  EXPECT_EQ(Get(other).fork_origin().job(), "jobs/" + second);
  for (const auto& [id, step, steps, origin] : std::vector<std::tuple<std::string, int, int, int>>{
           {third, 1, 4, -1}, {third, 2, 4, -1}, {third, 3, 6, 2}, {third, 4, 6, 2}, {other, 1, 4, -1}}) {
    const auto checkpoint = jobs_->LoadCheckpoint(id, step);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    EXPECT_EQ(checkpoint->bytes, CheckpointBytes(step));
    EXPECT_EQ(checkpoint->spec.schedule().num_steps(), steps) << step;
    EXPECT_EQ(checkpoint->origin.job().empty(), origin < 0) << step;
    if (origin >= 0) EXPECT_EQ(checkpoint->origin.step(), origin);
  }
  EXPECT_EQ(Start(third).made_from->fork_origin().job(), "jobs/" + first);
}

TEST_F(ForkTest, APurgedParentLeavesWhatItsForksRefersTo) {
  const std::string parent = Parent(4, 4);
  End(parent);
  const std::string fork = Fork(parent, 2, 6);
  Purge(parent);
  EXPECT_EQ(PathsOf(parent).size(), 6u);  // samples and checkpoints of three steps
  for (int round = 0; round < 2; ++round) {
    for (int step = 0; step <= 2; ++step) {
      EXPECT_EQ(jobs_->LoadSamples(fork, step)->get()->values, Samples(step).values);
      EXPECT_EQ(jobs_->LoadCheckpoint(fork, step)->spec.schedule().num_steps(), 4);
    }
    Restart();
    ASSERT_TRUE(jobs_->Recover().ok());
    ASSERT_TRUE(SweepJobFiles(*store_, blobs_, StopLatch()).ok());
  }
  RecordRange(fork, Start(fork).number, 3, 6);
  const std::string grandchild = Fork(fork, 2, 5);
  End(fork);
  Purge(fork);
  EXPECT_EQ(PathsOf(parent).size(), 6u);
  End(grandchild);
  Purge(grandchild);
  EXPECT_THAT(files_.Paths(), IsEmpty());
}

// Step 1 is not to be kept by the parent: it is the newest when it is forked, and dropped with the next.
TEST_F(ForkTest, AParentThatGoesOnDropsNothingThatIsShared) {
  const std::string parent = Create(9, 5);
  const Assignment assignment = Start(parent);
  RecordRange(parent, assignment.number, 0, 1);
  const std::string fork = Fork(parent, std::nullopt, 6);
  EXPECT_TRUE(Events(fork).back().step_completed().checkpoint_kept());
  RecordRange(parent, assignment.number, 2, 3);
  EXPECT_THAT(KeptSteps(parent), ElementsAre(3, 0));
  EXPECT_THAT(KeptSteps(fork), ElementsAre(1, 0));
  const Assignment own = Start(fork);
  EXPECT_EQ(own.checkpoint, CheckpointBytes(1));
  RecordRange(fork, own.number, 2, 3);
  EXPECT_THAT(KeptSteps(fork), ElementsAre(3, 1, 0));  // what is shared stays, what is not goes by its own rule
}

TEST_F(ForkTest, WithoutTheCheckpointThatItBeginsAtAForkFailsByName) {
  const std::string parent = Parent(4, 3);
  const std::string fork = Fork(parent, 2, 6);
  const Assignment assignment = Start(fork);
  ASSERT_TRUE(jobs_->RefuseCheckpoint(fork, assignment.number, 2, "of another version").ok());
  const absl::Status refused = jobs_->Start(fork, "cpu").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  const v1::Job job = Get(fork);
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "FORK_ORIGIN_LOST");
  EXPECT_THAT(KeptSteps(parent), ElementsAre(3, 2, 1, 0));
  EXPECT_EQ(jobs_->LoadCheckpoint(parent, 2)->bytes, CheckpointBytes(2));
}

TEST_F(ForkTest, OfAStepThatIsNotKeptThereIsNone) {
  const std::string parent = Parent(9, 3, 5);
  EXPECT_EQ(Reason(TryFork(parent, 1, 6).status()), "CHECKPOINT_NOT_KEPT");
  EXPECT_EQ(Reason(TryFork(Create(3), std::nullopt, 6).status()), "CHECKPOINT_NOT_KEPT");
  EXPECT_TRUE(absl::IsNotFound(TryFork("none", 1, 6).status()));
  // Dropped between the look and the fork.
  const absl::StatusOr<ForkPoint> point = jobs_->FindForkPoint(all_, parent, 3);
  RecordRange(parent, 1, 4, 4);
  v1::Job job = point->parent;
  *job.mutable_fork_origin() = point->origin;
  const absl::Status late = jobs_->Fork(std::move(job), "", "", "", kManyJobs).status();
  EXPECT_EQ(Reason(late), "CHECKPOINT_NOT_KEPT") << late;
}

TEST_F(ForkTest, LieInTheScopeAndBelongToTheOwnerOfTheParent) {
  const auto created = jobs_->Create(Request(4), "ada", "", "", kManyJobs);
  RecordRange(IdOf(*created), Start(IdOf(*created)).number, 0, 1);
  EXPECT_TRUE(absl::IsNotFound(jobs_->FindForkPoint(Scope::Of("bob"), IdOf(*created), 1).status()));
  EXPECT_TRUE(jobs_->FindForkPoint(Scope::Of("ada"), IdOf(*created), 1).ok());
  EXPECT_EQ(TryFork(IdOf(*created), 1, 6)->owner(), "ada");
}

TEST_F(ForkTest, TheSameRequestTwiceMakesOneFork) {
  const std::string parent = Parent(4, 4);
  const auto first = TryFork(parent, 1, 6, "r");
  ASSERT_TRUE(first.ok()) << first.status();
  Restart();
  EXPECT_EQ(TryFork(parent, 1, 6, "r")->name(), first->name());
  // Also when the newest step is another by then, or the parent is gone.
  End(parent);
  Purge(parent);
  EXPECT_EQ((*jobs_->FindRequested("", "r", "hash"))->name(), first->name());
  EXPECT_FALSE(jobs_->FindRequested("", "s", "hash")->has_value());
  EXPECT_TRUE(absl::IsAlreadyExists(jobs_->FindRequested("", "r", "other").status()));

  v1::ForkJobRequest request, other;
  request.set_name("jobs/a");
  request.mutable_overrides()->set_seed(3);
  other = request;
  other.set_request_id("r");
  other.set_validate_only(true);
  EXPECT_EQ(RequestHash(request), RequestHash(other));
  other.set_step(0);
  EXPECT_NE(RequestHash(request), RequestHash(other));
}

TEST_F(ForkTest, AncestorsAreBounded) {
  std::string id = Parent(1000, 0);
  for (int depth = 1; depth < 101; ++depth) {
    id = Fork(id, depth - 1, 1000);
    RecordRange(id, Start(id).number, depth, depth);
  }
  EXPECT_EQ(Reason(TryFork(id, 100, 1000).status()), "FORK_TOO_DEEP");
  EXPECT_TRUE(TryFork(id, 50, 1000).ok());  // at a step of an older one there are fewer
}

TEST_F(ForkTest, OfALogThatWasCutTellsWhatIsLeft) {
  retention_.max_events_per_job = 4;
  Restart();
  const std::string parent = Parent(20, 9);
  ASSERT_TRUE(jobs_->Tidy().ok());
  ASSERT_EQ(Events(parent).front().step_completed().report().step(), 6);
  const std::string late = Fork(parent, 8, 20);
  EXPECT_THAT(Story(late), ElementsAre("QUEUED", "step 6", "step 7", "step 8"));
  EXPECT_EQ(Get(late).progress().last_step().step(), 8);
  const std::string early = Fork(parent, 3, 20);
  EXPECT_THAT(Story(early), ElementsAre("QUEUED"));
  EXPECT_EQ(Get(early).progress().last_step().step(), 3);
  EXPECT_EQ(Start(early).checkpoint, CheckpointBytes(3));
  EXPECT_EQ(Start(late).checkpoint, CheckpointBytes(8));
}

// Again and again a fork that keeps its parent's steps, whose parent goes.
TEST_F(ForkTest, WhatAForkKeepsOfAPurgedParentCountsForItsOwner) {
  std::string job = Parent(9, 3);
  const int64_t once = StoredBytes();
  EXPECT_EQ(once, BytesOfFiles());
  v1::Quota quota;
  quota.set_max_stored_bytes(3 * once + 2);  // steps 10 and 11 have a digit more
  const Quotas quotas(*store_, quota, {});
  jobs_->SetQuotas(&quotas);
  for (int round = 2; round <= 3; ++round) {
    const std::string fork = Fork(job, 4 * (round - 1) - 1, 60);
    End(job);
    Purge(job);
    EXPECT_EQ(StoredBytes(), BytesOfFiles());
    const Assignment assignment = Start(fork);
    for (int step = 4 * (round - 1); step < 4 * round; ++step) ASSERT_TRUE(Record(fork, assignment.number, step).ok());
    EXPECT_GE(StoredBytes(), round * once);
    EXPECT_EQ(StoredBytes(), BytesOfFiles());
    job = fork;
  }
  EXPECT_EQ(Reason(TryFork(job, 11, 60).status()), "QUOTA_EXCEEDED");
  End(job);
  Purge(job);
  EXPECT_EQ(StoredBytes(), 0);
  EXPECT_THAT(files_.Paths(), IsEmpty());
}

TEST_F(ForkTest, WhatIsSharedCountsOnceUntilTheLastForkGoes) {
  const std::string parent = Parent(9, 2);
  const int64_t bytes = StoredBytes();
  const std::string first = Fork(parent, 2, 6), second = Fork(parent, 1, 6);
  EXPECT_EQ(StoredBytes(), bytes);
  for (const std::string& id : {parent, first, second}) End(id);
  Purge(parent);
  EXPECT_EQ(StoredBytes(), bytes);
  EXPECT_THAT(*store_->JobsBeyondBytes(0, 10), ::testing::Not(IsEmpty())) << "retention can free them";
  Purge(first);
  EXPECT_EQ(StoredBytes(), BytesOfFiles());
  EXPECT_LT(StoredBytes(), bytes);
  Purge(second);
  EXPECT_EQ(StoredBytes(), 0);
  EXPECT_THAT(files_.Paths(), IsEmpty());
}

// A checkpoint that the parent drops, and samples that the fork drops once the parent is gone.
TEST_F(ForkTest, WhatItsMakerDropsCountsAsTheForks) {
  retention_.max_events_per_job = 4;
  Restart();
  const std::string parent = Parent(20, 5, /*checkpoint_every=*/10);
  const std::string fork = Fork(parent, 5, 20);
  ASSERT_TRUE(Record(parent, 1, 6).ok());
  EXPECT_EQ(store_->GetStep(parent, 5)->checkpoint_key, "");
  EXPECT_EQ(StoredBytes(), BytesOfFiles());
  End(parent);
  Purge(parent);
  EXPECT_EQ(StoredBytes(), BytesOfFiles());
  const int64_t before = StoredBytes();
  RecordRange(fork, Start(fork).number, 6, 9);
  ASSERT_TRUE(jobs_->Tidy().ok());
  EXPECT_EQ(store_->GetStep(fork, 0)->samples_key, "");
  EXPECT_EQ(StoredBytes(), BytesOfFiles());
  EXPECT_LT(StoredBytes(), before + 4 * 28);
  EXPECT_EQ(files_.Paths().size(), store_->ReferencedKeys("jobs/")->size()) << "no file stays that nothing refers to";
}

}  // namespace
}  // namespace sliceflow::jobs
