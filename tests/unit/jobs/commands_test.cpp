// What users ask of jobs.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "server/jobs/request_hash.h"
#include "server/jobs/retention.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CommandsTest : public JobsFixture {};

TEST_F(CommandsTest, ACreatedJobIsQueuedDurableAndTold) {
  v1::Job request = Request(9);
  request.set_state(v1::Job::SUCCEEDED);  // what a client says of these is not listened to
  request.mutable_progress()->set_completed_steps(5);
  request.set_name("jobs/mine");
  const auto created = jobs_->Create(request, "ada", "", "", kManyJobs);
  ASSERT_TRUE(created.ok()) << created.status();
  const std::string id = IdOf(*created);
  EXPECT_THAT(listener_.TakeQueued(), ElementsAre(id));
  Restart();
  const v1::Job job = Get(id);
  EXPECT_EQ(job.SerializeAsString(), created->SerializeAsString());
  EXPECT_NE(job.name(), "jobs/mine");
  EXPECT_EQ(job.state(), v1::Job::QUEUED);
  EXPECT_EQ(job.owner(), "ada");
  EXPECT_EQ(job.progress().completed_steps(), 0);
  EXPECT_EQ(job.progress().total_steps(), 9);
  EXPECT_EQ(job.progress().last_sequence(), 1);
  EXPECT_FALSE(job.etag().empty());
  EXPECT_EQ(job.create_time().seconds(), 2'000'000'000);
  EXPECT_FALSE(job.has_start_time());
  EXPECT_THAT(Story(id), ElementsAre("QUEUED"));
}

TEST_F(CommandsTest, StepsFollowFromTheTimeToReach) {
  v1::Schedule schedule;
  schedule.set_step_size(0.1);
  for (const auto& [time, steps] : std::vector<std::pair<double, int>>{{0.9, 9}, {0.3, 3}, {0.91, 10}, {0.05, 1}, {0.1, 1}, {100, 1000}}) {
    schedule.set_end_time(time);
    EXPECT_EQ(StepsOf(schedule), steps) << time;
  }
}

TEST_F(CommandsTest, TheSameRequestTwiceMakesOneJob) {
  const auto first = jobs_->Create(Request(9), "ada", "r", "hash", kManyJobs);
  ASSERT_TRUE(first.ok());
  Restart();
  // Also when the quota is used up by then: it is an answer, not a new job.
  const auto again = jobs_->Create(Request(9), "ada", "r", "hash", 1);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->name(), first->name());
  const auto other = jobs_->Create(Request(10), "ada", "r", "another", kManyJobs);
  EXPECT_TRUE(absl::IsAlreadyExists(other.status()));
  EXPECT_THAT(other.status().message(), HasSubstr(first->name()));
  EXPECT_NE(jobs_->Create(Request(9), "bob", "r", "hash", kManyJobs)->name(), first->name());
  EXPECT_EQ(listener_.TakeQueued().size(), 2u);
}

TEST(RequestHashTest, LabelsInAnotherOrderAreTheSameRequest) {
  v1::Job one, other;
  for (int i = 0; i < 32; ++i) (*one.mutable_labels())[absl::StrCat("k", i)] = "v";
  for (int i = 31; i >= 0; --i) (*other.mutable_labels())[absl::StrCat("k", i)] = "v";
  EXPECT_EQ(RequestHash(one), RequestHash(other));
}

TEST_F(CommandsTest, ManyAtOnceWithOneRequestIdMakeOneJobAndNeverMoreThanTheQuota) {
  constexpr int kThreads = 8;
  std::vector<std::string> names(kThreads);
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      names[t] = jobs_->Create(Request(3), "", "same", "hash", 4)->name();
      if (!jobs_->Create(Request(3), "", "", "", 4).ok()) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& name : names) EXPECT_EQ(name, names[0]);
  EXPECT_EQ(refused, kThreads - 3);
}

TEST_F(CommandsTest, AnOwnerWithManyJobsLeavesRoomForOthers) {
  const auto create_many = [&](const std::string& owner) {
    int made = 0;
    absl::Status status;
    for (; made < 100; ++made) {
      status = jobs_->Create(Request(3), owner, "", "", 16).status();
      if (!status.ok()) break;
    }
    EXPECT_EQ(Reason(status), "TOO_MANY_ACTIVE_JOBS");
    EXPECT_THAT(std::string(status.message()), HasSubstr("of your jobs"));
    EXPECT_TRUE(status.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
    return made;
  };
  EXPECT_EQ(create_many("ada"), 8);
  EXPECT_EQ(create_many("bob"), 4);
  EXPECT_TRUE(jobs_->Create(Request(3), "eve", "", "", 16).ok());
}

TEST_F(CommandsTest, TheQuotaCountsJobsThatHaveNotEnded) {
  const std::string id = Create(3);
  const auto refused = jobs_->Create(Request(3), "", "", "", 1);
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status()));
  EXPECT_EQ(Reason(refused.status()), "TOO_MANY_ACTIVE_JOBS");
  EXPECT_TRUE(refused.status().GetPayload("type.googleapis.com/google.rpc.QuotaFailure").has_value());
  ASSERT_TRUE(jobs_->Cancel(Scope::Everyone(), id, "").ok());
  EXPECT_TRUE(jobs_->Create(Request(3), "", "", "", 1).ok());
}

TEST_F(CommandsTest, AnUnknownDataSetIsNotFoundAndLeavesNoJob) {
  v1::Job job = Request(3);
  job.mutable_spec()->mutable_initial()->mutable_dataset()->set_dataset("datasets/gone");
  EXPECT_TRUE(absl::IsNotFound(jobs_->Create(job, "", "", "", kManyJobs).status()));
  EXPECT_THAT(jobs_->List(Scope::Everyone(), {})->jobs, IsEmpty());
}

// Specifications of 1.5 MB: two fit below the 4 MiB that many clients take, three do not.
TEST_F(CommandsTest, APageOfLargeJobsIsShorter) {
  v1::Job large = Request(3);
  large.mutable_spec()->mutable_initial()->mutable_dirac()->mutable_point()->Resize(180'000, 1.0);
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    large.mutable_spec()->set_seed(i);
    expected.insert(expected.begin(), IdOf(jobs_->Create(large, "", "", "", kManyJobs).value()));
  }
  std::vector<std::string> listed;
  std::vector<size_t> sizes;
  store::JobQuery query;
  query.limit = 1000;
  do {
    const Jobs::Page page = jobs_->List(Scope::Everyone(), query).value();
    sizes.push_back(page.jobs.size());
    for (const v1::Job& job : page.jobs) listed.push_back(IdOf(job));
    query.after_number = page.next_number;
  } while (query.after_number.has_value());
  EXPECT_EQ(listed, expected);
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
}

// Also where a page is made of several batches, and ends on or beside the end of one.
TEST_F(CommandsTest, PagesFollowEachOther) {
  std::vector<std::string> newest_first;
  for (int i = 0; i < 41; ++i) newest_first.insert(newest_first.begin(), "jobs/" + Create(3));
  for (const int limit : {3, 19, 20, 21, 40, 41, 50}) {
    store::JobQuery query;
    query.limit = limit;
    std::vector<std::string> names;
    while (true) {
      const auto page = jobs_->List(Scope::Everyone(), query);
      ASSERT_TRUE(page.ok());
      EXPECT_LE(static_cast<int>(page->jobs.size()), limit);
      for (const v1::Job& job : page->jobs) names.push_back(job.name());
      if (!page->next_number) break;
      query.after_number = page->next_number;
    }
    EXPECT_EQ(names, newest_first);
  }
}

TEST_F(CommandsTest, CancelIsDurableFinalAndTold) {
  const std::string id = Create(3);
  const Assignment assignment = Start(id);
  RecordRange(id, assignment.number, 0, 1);
  const auto cancelled = jobs_->Cancel(Scope::Everyone(), id, "");
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->state(), v1::Job::CANCELLED);
  EXPECT_TRUE(cancelled->has_end_time());
  EXPECT_THAT(listener_.TakeStopped(), ElementsAre(id));
  Restart();
  EXPECT_EQ(Get(id).state(), v1::Job::CANCELLED);
  // Again: nothing changes and nobody is told.
  EXPECT_EQ(jobs_->Cancel(Scope::Everyone(), id, "")->etag(), cancelled->etag());
  EXPECT_THAT(listener_.TakeStopped(), IsEmpty());
  // What the worker still says changes nothing.
  EXPECT_EQ(Reason(Record(id, assignment.number, 2)), "STALE_ASSIGNMENT");
  EXPECT_TRUE(jobs_->Finish(id, assignment.number, {Outcome::Kind::kStopped, {}}).ok());
  EXPECT_TRUE(jobs_->Finish(id, assignment.number, {Outcome::Kind::kCompleted, {}}).ok());
  EXPECT_TRUE(jobs_->LoseWorker(id, assignment.number, "gone").ok());
  EXPECT_EQ(Get(id).etag(), cancelled->etag());
  EXPECT_EQ(*jobs_->LoadSamples(id, 1)->get()->values.data(), 1.0f);  // steps before are kept
}

TEST_F(CommandsTest, AJobThatEndedOtherwiseCannotBeCancelled) {
  const std::string id = Create(1);
  const Assignment assignment = Start(id);
  RecordRange(id, assignment.number, 0, 1);
  ASSERT_TRUE(jobs_->Finish(id, assignment.number, {}).ok());
  const absl::Status refused = jobs_->Cancel(Scope::Everyone(), id, "").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_EQ(Reason(refused), "JOB_ENDED");
  EXPECT_TRUE(absl::IsNotFound(jobs_->Cancel(Scope::Everyone(), "none", "").status()));
}

TEST_F(CommandsTest, AnOldEtagIsRefusedAndTheNewOneTaken) {
  const std::string id = Create(3);
  const std::string old_etag = Get(id).etag();
  Start(id);
  const absl::Status refused = jobs_->Cancel(Scope::Everyone(), id, old_etag).status();
  EXPECT_TRUE(absl::IsAborted(refused));
  EXPECT_EQ(Reason(refused), "ETAG_MISMATCH");
  EXPECT_EQ(Get(id).state(), v1::Job::RUNNING);
  const std::string etag = jobs_->Cancel(Scope::Everyone(), id, Get(id).etag())->etag();
  EXPECT_EQ(Reason(jobs_->Delete(Scope::Everyone(), id, old_etag).status()), "ETAG_MISMATCH");
  EXPECT_TRUE(jobs_->Delete(Scope::Everyone(), id, etag).ok());
}

TEST_F(CommandsTest, CommandsThatRaceWithReportsWinInTheEnd) {
  const std::string id = Create(400);
  const Assignment assignment = Start(id);
  std::thread worker([&] {
    for (int step = 0; step <= 400; ++step) {
      const absl::Status status = Record(id, assignment.number, step);
      if (status.ok()) continue;
      EXPECT_EQ(Reason(status), "STALE_ASSIGNMENT") << status;
      return;
    }
  });
  while (Get(id).progress().completed_steps() < 5) std::this_thread::yield();
  const auto cancelled = jobs_->Cancel(Scope::Everyone(), id, "");
  worker.join();
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  const std::vector<std::string> story = Story(id);
  EXPECT_EQ(story.back(), "CANCELLED");
  EXPECT_EQ(static_cast<int64_t>(story.size()), Get(id).progress().last_sequence());
}

// What is not one's own is not there, by every command.
TEST_F(JobsFixture, AnotherOwnersJobDoesNotExist) {
  const std::string id = IdOf(*jobs_->Create(Request(3), "ada", "", "", kManyJobs));
  const Assignment assignment = Start(id);
  RecordRange(id, assignment.number, 0, 1);
  const Scope ada = Scope::Of("ada");
  const Scope bob = Scope::Of("bob");
  const absl::Status missing = jobs_->Get(bob, "none").status();
  const auto like_missing = [&](const absl::Status& status) {
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_EQ(Reason(status), Reason(missing));
    EXPECT_EQ(status.message(), std::string(missing.message()).replace(missing.message().find("none"), 4, id));
  };
  like_missing(jobs_->Get(bob, id).status());
  like_missing(jobs_->Cancel(bob, id, "").status());
  like_missing(jobs_->Delete(bob, id, "").status());
  like_missing(jobs_->FindKeptStep(bob, id, 1).status());
  like_missing(jobs_->StartWatch(bob, id, 0, false, [] {}).status());
  EXPECT_THAT(jobs_->List(bob, {})->jobs, IsEmpty());
  store::JobQuery of_ada;
  of_ada.owner = "ada";
  EXPECT_THAT(jobs_->List(bob, of_ada)->jobs, IsEmpty());

  EXPECT_EQ(jobs_->Get(ada, id)->state(), v1::Job::RUNNING);
  EXPECT_THAT(jobs_->List(ada, {})->jobs, SizeIs(1));
  EXPECT_THAT(jobs_->List(Scope::Everyone(), {})->jobs, SizeIs(1));
  EXPECT_EQ(jobs_->FindKeptStep(ada, id, 1)->step, 1);
  EXPECT_TRUE(jobs_->Cancel(ada, id, "").ok());
  EXPECT_TRUE(jobs_->Delete(Scope::Everyone(), id, "").ok());
}

}  // namespace
}  // namespace sliceflow::jobs
