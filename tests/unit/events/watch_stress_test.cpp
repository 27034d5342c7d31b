// Many watchers, many writers: each event once and in order for everyone, and no one waits for another.
#include <gmock/gmock.h>

#include <atomic>
#include <random>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "tests/unit/events/log_fixture.h"

namespace sliceflow::events {
namespace {

class WatchStressTest : public LogFixture {};

// Reads in `wake` all there is, as a stream would.
struct Follower {
  std::unique_ptr<Watch> watch;
  std::vector<int64_t> sequences;
  bool ended = false;
  absl::BlockingCounter* done = nullptr;
  absl::Mutex mutex;

  void Read() {
    absl::MutexLock lock(&mutex);
    if (watch == nullptr || ended) return;
    while (true) {
      const auto batch = watch->Next(16);
      ASSERT_TRUE(batch.ok()) << batch.status();
      for (const EventPtr& event : batch->events) sequences.push_back(event->sequence());
      if (batch->ended) {
        ended = true;
        done->DecrementCount();
        return;
      }
      if (batch->events.empty()) return;
    }
  }
};

TEST_F(WatchStressTest, AThousandWatchersEachGetEachEventOnceInOrder) {
  constexpr int kWatchers = 1000;
  constexpr int kEvents = 100;
  EventLogOptions small;  // so that tail and database both serve
  small.tail_events = 10;
  Open(small);
  Create("a");
  AppendLines("a", 20);
  absl::BlockingCounter done(kWatchers);
  std::vector<std::unique_ptr<Follower>> followers;
  std::thread writer([&] {
    AppendLines("a", kEvents);
    End("a");
  });
  for (int i = 0; i < kWatchers; ++i) {
    auto follower = std::make_unique<Follower>();
    follower->done = &done;
    Follower* raw = follower.get();
    auto watch = log_->StartWatch("a", i % 20, false, [raw] { raw->Read(); });
    ASSERT_TRUE(watch.ok());
    {
      absl::MutexLock lock(&raw->mutex);
      raw->watch = *std::move(watch);
    }
    raw->Read();  // a wake may have come before the watch was there
    followers.push_back(std::move(follower));
  }
  writer.join();
  done.Wait();  // the test's own time limit bounds this
  for (int i = 0; i < kWatchers; ++i) EXPECT_EQ(followers[i]->sequences, Range(i % 20 + 1, 20 + 1 + kEvents + 1));
  for (auto& follower : followers) follower->watch.reset();
}

TEST_F(WatchStressTest, AWatcherThatDoesNotReadHoldsUpNoOne) {
  Create("a");
  Wakes idle_wakes, wakes;
  auto idle = Start("a", 0, idle_wakes);
  auto reader = Start("a", 0, wakes);
  std::vector<int64_t> read;
  for (int i = 0; i < 300; ++i) AppendLines("a", 1);
  while (read.size() < 301) {
    ASSERT_TRUE(wakes.Wait());
    for (const int64_t sequence : Drain(*reader)) read.push_back(sequence);
  }
  EXPECT_EQ(read, Range(1, 301));
  EXPECT_EQ(Drain(*idle), Range(1, 301));  // and it has lost nothing
}

TEST_F(WatchStressTest, WritersRacingOnOneJobLeaveNoGapForAWatcher) {
  constexpr int kWriters = 4;
  constexpr int kEach = 40;
  Create("a");
  Wakes wakes;
  auto watch = Start("a", 0, wakes);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        while (true) {
          const auto job = log_->Append(ChangeOf("a", {LogLine("x")}));
          if (job.ok()) break;
          ASSERT_TRUE(absl::IsAborted(job.status())) << job.status();
        }
      }
    });
  }
  std::vector<int64_t> read;
  while (read.size() < kWriters * kEach + 1u) {
    ASSERT_TRUE(wakes.Wait());
    for (const int64_t sequence : Drain(*watch, 3)) read.push_back(sequence);
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(read, Range(1, kWriters * kEach + 1));
}

TEST_F(WatchStressTest, NoWakeAfterAWatchIsGone) {
  Create("a");
  std::atomic<bool> writing{true};
  std::thread writer([&] {
    while (writing) AppendLines("a", 1);
  });
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    auto alive = std::make_shared<std::atomic<bool>>(true);
    auto watch = log_->StartWatch("a", 0, true, [alive] { EXPECT_TRUE(*alive); });
    ASSERT_TRUE(watch.ok());
    if (random() % 2 == 0) {
      EXPECT_TRUE((*watch)->Next(5).ok());
    }
    watch->reset();
    *alive = false;
  }
  writing = false;
  writer.join();
}

TEST_F(WatchStressTest, JobsWithoutATailAreStillReadWhole) {
  EventLogOptions tiny;
  tiny.tail_jobs = 2;
  tiny.tail_bytes = 100;
  Open(tiny);
  constexpr int kJobs = 10;
  std::vector<std::unique_ptr<Watch>> watches;
  std::vector<Wakes> wakes(kJobs);
  for (int j = 0; j < kJobs; ++j) {
    Create(absl::StrCat("job", j));
    watches.push_back(Start(absl::StrCat("job", j), 0, wakes[j]));
  }
  std::vector<std::vector<int64_t>> read(kJobs);
  std::mt19937 random(9);
  std::vector<int> lines(kJobs, 1);
  for (int i = 0; i < 200; ++i) {
    const int j = static_cast<int>(random() % kJobs);
    AppendLines(absl::StrCat("job", j), 1);
    ++lines[j];
    const int k = static_cast<int>(random() % kJobs);
    for (const int64_t sequence : Drain(*watches[k])) read[k].push_back(sequence);
  }
  for (int j = 0; j < kJobs; ++j) {
    for (const int64_t sequence : Drain(*watches[j])) read[j].push_back(sequence);
    EXPECT_EQ(read[j], Range(1, lines[j]));
  }
}

}  // namespace
}  // namespace sliceflow::events
