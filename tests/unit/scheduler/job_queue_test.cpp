// Who is handed which job, with takers that only remember what they were told.
#include "server/scheduler/job_queue.h"

#include <gmock/gmock.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sliceflow::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr int64_t kGigabyte = 1'000'000'000;

class RecordingTaker final : public JobQueue::Taker {
 public:
  void Poke() override { ++pokes; }
  void Stop(const std::string& job_id) override { stopped.push_back(job_id); }
  void Preempt(const std::string& job_id, const std::string& by) override { preempted.push_back(absl::StrCat(job_id, " by ", by)); }

  int pokes = 0;
  std::vector<std::string> stopped;
  std::vector<std::string> preempted;
};

jobs::WaitingJob Job(const std::string& id, const std::string& owner = "", int priority = 0) {
  return {.id = id, .sequence = 1, .owner = owner, .priority = priority, .device = "any"};
}

class JobQueueTest : public ::testing::Test {
 protected:
  JobQueueTest() {
    queue_ = std::make_unique<JobQueue>(QueueOptions{.max_running = [this](const std::string&) { return max_running_; },
                                                     .gets_jobs = [this](const std::string& device) { return device != resting_; },
                                                     .uptime = [this] { return now_; }});
    queue_->SetDevice("cpu", 0);
    queue_->Open();
  }

  RecordingTaker* Add(const std::string& device = "cpu") {
    takers_.emplace_back();
    queue_->Add(&takers_.back(), device);
    return &takers_.back();
  }

  // Takes a job, computes it for a while, and is done with it.
  std::string TakeAndEnd(RecordingTaker* taker, absl::Duration time = absl::Seconds(1)) {
    std::string id = queue_->Take(taker).value_or("");
    now_ += time;
    queue_->Release(taker);
    return id;
  }

  absl::Duration now_ = absl::Hours(5);
  int max_running_ = 0;
  std::string resting_;  // a device that gets no jobs
  std::deque<RecordingTaker> takers_;
  std::unique_ptr<JobQueue> queue_;
};

TEST_F(JobQueueTest, PriorityThenAge) {
  queue_->Push(Job("b"));
  queue_->Push(Job("d", "", 5));
  queue_->Push(Job("a"));
  queue_->Push(Job("c", "", -5));
  RecordingTaker* taker = Add();
  std::vector<std::string> order;
  for (int i = 0; i < 4; ++i) order.push_back(TakeAndEnd(taker));
  EXPECT_THAT(order, ElementsAre("d", "a", "b", "c"));
  EXPECT_EQ(queue_->Take(taker), std::nullopt);
}

TEST_F(JobQueueTest, OwnersTakeTurnsByWhatTheyHaveHad) {
  for (int i = 0; i < 4; ++i) queue_->Push(Job(absl::StrCat("a", i), "ada"));
  for (int i = 0; i < 4; ++i) queue_->Push(Job(absl::StrCat("b", i), "bob"));
  RecordingTaker* taker = Add();
  EXPECT_EQ(TakeAndEnd(taker, absl::Seconds(10)), "a0");
  // Three short ones of the other before the next of her.
  EXPECT_EQ(TakeAndEnd(taker, absl::Seconds(4)), "b0");
  EXPECT_EQ(TakeAndEnd(taker, absl::Seconds(4)), "b1");
  EXPECT_EQ(TakeAndEnd(taker, absl::Seconds(4)), "b2");
  EXPECT_EQ(TakeAndEnd(taker, absl::Seconds(4)), "a1");
}

TEST_F(JobQueueTest, AThousandJobsOfOneOwnerDoNotStarveAnother) {
  for (int i = 0; i < 1000; ++i) queue_->Push(Job(absl::StrFormat("a%04d", i), "ada"));
  RecordingTaker* taker = Add();
  TakeAndEnd(taker);
  ASSERT_EQ(queue_->Take(taker), "a0001");
  now_ += absl::Seconds(1);
  queue_->Push(Job("z", "bob"));  // younger than all of hers
  queue_->Release(taker);
  EXPECT_EQ(queue_->Take(taker), "z");
}

TEST_F(JobQueueTest, TwoWorkersThatFallFreeAtOnceServeTwoOwners) {
  for (const char* id : {"a1", "a2"}) queue_->Push(Job(id, "ada"));
  queue_->Push(Job("b1", "bob"));
  EXPECT_EQ(queue_->Take(Add()), "a1");
  EXPECT_EQ(queue_->Take(Add()), "b1");
}

TEST_F(JobQueueTest, AnOwnerOverTheRunningQuotaWaitsWithoutHoldingUpOthers) {
  max_running_ = 1;
  for (const char* id : {"a1", "a2"}) queue_->Push(Job(id, "ada", 10));
  queue_->Push(Job("b1", "bob"));
  RecordingTaker* first = Add();
  RecordingTaker* second = Add();
  EXPECT_EQ(queue_->Take(first), "a1");
  EXPECT_EQ(queue_->Take(second), "b1");
  EXPECT_THAT(second->preempted, IsEmpty());
  queue_->Release(second);
  EXPECT_EQ(queue_->Take(second), std::nullopt);
  const int pokes = second->pokes;
  queue_->Release(first);
  EXPECT_GT(second->pokes, pokes);
  EXPECT_EQ(queue_->Take(second), "a2");
}

TEST_F(JobQueueTest, OfAHundredThousandJobsOfManyOwnersEachIsHandedOutOnce) {
  constexpr int kJobs = 100'000;
  for (int i = 0; i < kJobs; ++i) queue_->Push(Job(absl::StrFormat("%06d", i), absl::StrCat("owner ", i % 100), i % 3));
  RecordingTaker* taker = Add();
  std::set<std::string> seen;
  while (const auto id = queue_->Take(taker)) {
    seen.insert(*id);
    queue_->Release(taker);
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kJobs));
}

TEST_F(JobQueueTest, JobsGoToTheDeviceTheyAskFor) {
  queue_->SetDevice("cuda:0", 0);
  jobs::WaitingJob gpu = Job("g");
  gpu.device = "cuda:0";
  queue_->Push(gpu);
  RecordingTaker* cpu = Add();
  EXPECT_EQ(queue_->Take(cpu), std::nullopt);
  queue_->Push(Job("any"));
  EXPECT_EQ(queue_->Take(cpu), "any");
  EXPECT_EQ(queue_->Take(Add("cuda:0")), "g");
}

TEST_F(JobQueueTest, ADeviceThatGetsNoJobsLeavesThemToOthersAndHasItsOwnWait) {
  queue_->SetDevice("cuda:0", 0);
  resting_ = "cpu";
  jobs::WaitingJob own = Job("a");
  own.device = "cpu";
  queue_->Push(own);
  queue_->Push(Job("b"));
  RecordingTaker* cpu = Add();
  EXPECT_EQ(queue_->Take(cpu), std::nullopt);
  EXPECT_EQ(queue_->Take(Add("cuda:0")), "b");
  resting_ = "";
  const int pokes = cpu->pokes;
  queue_->Tick();
  EXPECT_GT(cpu->pokes, pokes);
  EXPECT_EQ(queue_->Take(cpu), "a");
}

TEST_F(JobQueueTest, NothingIsInterruptedForAJobThatItsDeviceWouldNotTake) {
  RecordingTaker* taker = Add();
  queue_->Push(Job("low"));
  ASSERT_EQ(queue_->Take(taker), "low");
  resting_ = "cpu";
  queue_->Push(Job("high", "", 5));
  EXPECT_THAT(taker->preempted, IsEmpty());
  resting_ = "";
  queue_->Tick();
  EXPECT_THAT(taker->preempted, ElementsAre("low by high"));
}

TEST_F(JobQueueTest, ADeviceThatComesLaterServesWhatWaitedForIt) {
  jobs::WaitingJob gpu = Job("g");
  gpu.device = "cuda:0";
  queue_->Push(gpu);
  queue_->SetDevice("cuda:0", 0);
  EXPECT_EQ(queue_->Take(Add("cuda:0")), "g");
}

TEST_F(JobQueueTest, WhatWaitsForADeviceThatIsTakenOutWaitsAndTheRestGoesElsewhere) {
  queue_->SetDevice("a/cpu", 0);
  jobs::WaitingJob bound = Job("bound");
  bound.device = "a/cpu";
  queue_->Push(bound);
  queue_->Push(Job("any"));
  RecordingTaker* gone = Add("a/cpu");
  queue_->Remove(gone);
  queue_->RemoveDevice("a/cpu");
  RecordingTaker* cpu = Add();
  EXPECT_EQ(TakeAndEnd(cpu), "any");
  EXPECT_EQ(queue_->Take(cpu), std::nullopt);
  queue_->SetDevice("a/cpu", 0);
  EXPECT_EQ(queue_->Take(Add("a/cpu")), "bound");
}

TEST_F(JobQueueTest, ADeviceTakesNoMoreThanItsMemoryAndALargeJobIsNotOvertaken) {
  queue_->SetDevice("cpu", 4 * kGigabyte);
  for (const auto& [id, bytes] : {std::pair{"a", 3}, {"b", 3}, {"c", 1}}) {
    jobs::WaitingJob job = Job(id);
    job.memory_bytes = bytes * kGigabyte;
    queue_->Push(job);
  }
  RecordingTaker* first = Add();
  RecordingTaker* second = Add();
  EXPECT_EQ(queue_->Take(first), "a");
  EXPECT_EQ(queue_->ReservedBytes("cpu"), 3 * kGigabyte);
  EXPECT_EQ(queue_->Take(second), std::nullopt);  // `c` would fit, and then `b` might wait for ever
  queue_->Release(first);
  EXPECT_EQ(queue_->Take(second), "b");
  EXPECT_EQ(queue_->Take(first), "c");
  EXPECT_EQ(queue_->ReservedBytes("cpu"), 4 * kGigabyte);
}

TEST_F(JobQueueTest, AJobTooLargeForADeviceGoesToALargerOneAndHoldsNothingUp) {
  queue_->SetDevice("cpu", kGigabyte);
  queue_->SetDevice("cuda:0", 8 * kGigabyte);
  jobs::WaitingJob large = Job("a");
  large.memory_bytes = 2 * kGigabyte;
  queue_->Push(large);
  queue_->Push(Job("b"));
  EXPECT_EQ(queue_->Take(Add()), "b");
  EXPECT_EQ(queue_->Take(Add("cuda:0")), "a");
}

TEST_F(JobQueueTest, ADelayedJobWaitsForItsTime) {
  jobs::WaitingJob job = Job("a");
  job.delay = absl::Seconds(2);
  queue_->Push(job);
  queue_->Push(Job("b"));
  RecordingTaker* taker = Add();
  EXPECT_EQ(TakeAndEnd(taker), "b");
  EXPECT_EQ(queue_->Take(taker), std::nullopt);
  now_ += absl::Seconds(1);
  queue_->Tick();
  EXPECT_EQ(queue_->Take(taker), "a");
}

TEST_F(JobQueueTest, AStopDropsAWaitingJobOrReachesItsTaker) {
  queue_->Push(Job("a"));
  queue_->Push(Job("b"));
  RecordingTaker* taker = Add();
  ASSERT_EQ(queue_->Take(taker), "a");
  queue_->RequestStop("a", 2);
  queue_->RequestStop("b", 2);
  EXPECT_THAT(taker->stopped, ElementsAre("a"));
  queue_->Release(taker);
  EXPECT_EQ(queue_->Take(taker), std::nullopt);
}

// Paused, resumed, and only then told of the pause.
TEST_F(JobQueueTest, AStopFromBeforeAJobWasQueuedAgainIsOutdated) {
  jobs::WaitingJob resumed = Job("a");
  resumed.sequence = 3;
  queue_->Push(resumed);
  queue_->RequestStop("a", 2);
  RecordingTaker* taker = Add();
  EXPECT_EQ(queue_->Take(taker), "a");
  queue_->RequestStop("a", 2);
  EXPECT_THAT(taker->stopped, IsEmpty());
  queue_->Release(taker);
  // An old one that comes late does not take the place of a newer one.
  queue_->Push(resumed);
  queue_->Push(Job("a", "", 50));
  queue_->Push(Job("b", "", 10));
  EXPECT_EQ(queue_->Take(taker), "b");
}

TEST_F(JobQueueTest, AHigherPriorityInterruptsTheLowestThatRuns) {
  for (const auto& [id, priority] : {std::pair{"low", -1}, {"middle", 0}}) queue_->Push(Job(id, "", priority));
  RecordingTaker* first = Add();
  RecordingTaker* second = Add();
  ASSERT_EQ(queue_->Take(first), "middle");
  ASSERT_EQ(queue_->Take(second), "low");
  queue_->Push(Job("equal", "", -1));
  EXPECT_THAT(second->preempted, IsEmpty());
  queue_->Push(Job("high", "", 1));
  EXPECT_THAT(second->preempted, ElementsAre("low by high"));
  queue_->Tick();  // asked once
  queue_->Push(Job("higher", "", 2));
  EXPECT_THAT(second->preempted, ElementsAre("low by high"));
  EXPECT_THAT(first->preempted, IsEmpty());
  queue_->GiveWay(second);
  queue_->Push(Job("low", "", -1));
  EXPECT_EQ(queue_->Take(second), "higher");
  // Now the next one that waits.
  queue_->Tick();
  EXPECT_THAT(first->preempted, ElementsAre("middle by high"));
}

TEST_F(JobQueueTest, NothingIsInterruptedWhileATakerIsFree) {
  queue_->Push(Job("low"));
  RecordingTaker* busy = Add();
  ASSERT_EQ(queue_->Take(busy), "low");
  RecordingTaker* free = Add();
  queue_->Push(Job("high", "", 1));
  EXPECT_THAT(busy->preempted, IsEmpty());
  EXPECT_GT(free->pokes, 0);
}

TEST_F(JobQueueTest, AJobThatNeverCompletesAStepIsInterruptedABoundedNumberOfTimes) {
  RecordingTaker* taker = Add();
  for (int round = 0; round < JobQueue::kMaxFruitless; ++round) {
    queue_->Push(Job("low"));
    ASSERT_EQ(queue_->Take(taker), "low");
    queue_->Push(Job("high", "", 1));
    ASSERT_EQ(taker->preempted.size(), static_cast<size_t>(round + 1));
    queue_->GiveWay(taker);
    EXPECT_EQ(TakeAndEnd(taker), "high");
  }
  queue_->Push(Job("low"));
  ASSERT_EQ(queue_->Take(taker), "low");
  queue_->Push(Job("high", "", 1));
  EXPECT_EQ(taker->preempted.size(), static_cast<size_t>(JobQueue::kMaxFruitless));
  // Until it has come on by a step.
  queue_->Progressed(taker);
  queue_->Tick();
  EXPECT_EQ(taker->preempted.size(), static_cast<size_t>(JobQueue::kMaxFruitless + 1));
}

TEST_F(JobQueueTest, NothingIsHandedOutBeforeItOpensAndAfterItCloses) {
  JobQueue queue({.uptime = [this] { return now_; }});
  queue.SetDevice("cpu", 0);
  RecordingTaker taker;
  queue.Add(&taker, "cpu");
  queue.Push(Job("a"));
  EXPECT_EQ(taker.pokes, 0);
  EXPECT_EQ(queue.Take(&taker), std::nullopt);
  queue.Open();
  EXPECT_EQ(taker.pokes, 1);
  queue.Close();
  EXPECT_EQ(queue.Take(&taker), std::nullopt);
}

TEST_F(JobQueueTest, WhatIsPutBackIsTriedAtTheNextTick) {
  queue_->Push(Job("a"));
  RecordingTaker* taker = Add();
  ASSERT_EQ(queue_->Take(taker), "a");
  const int pokes = taker->pokes;
  queue_->PutBack(taker);
  EXPECT_EQ(taker->pokes, pokes);
  queue_->Tick();
  EXPECT_EQ(taker->pokes, pokes + 1);
  EXPECT_THAT(queue_->Take(taker), Optional(std::string("a")));
}

}  // namespace
}  // namespace sliceflow::scheduler
