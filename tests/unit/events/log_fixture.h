// An event log on a real database, with what tests of it need.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/events/event_log.h"
#include "server/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::events {

// Longer than anything takes on the slowest machine: what ends a test that would hang.
inline constexpr absl::Duration kDeadline = absl::Seconds(60);

inline v1::JobEvent LogLine(const std::string& message) {
  v1::JobEvent event;
  event.mutable_log()->set_severity(v1::LogEntry::INFO);
  event.mutable_log()->set_message(message);
  return event;
}

inline v1::JobEvent StateEvent(v1::Job::State state) {
  v1::JobEvent event;
  event.mutable_state_changed()->set_state(state);
  return event;
}

// Remembers that it was woken. Thread-safe.
class Wakes {
 public:
  std::function<void()> callback() {
    return [this] {
      absl::MutexLock lock(&mutex_);
      ++count_;
    };
  }
  // Waits for a wake since the last call.
  bool Wait(absl::Duration timeout = kDeadline) {
    absl::MutexLock lock(&mutex_);
    const auto woken = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return count_ > seen_; };
    const bool in_time = mutex_.AwaitWithTimeout(absl::Condition(&woken), timeout);
    seen_ = count_;
    return in_time;
  }
  int count() {
    absl::MutexLock lock(&mutex_);
    return count_;
  }

 private:
  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
  int seen_ ABSL_GUARDED_BY(mutex_) = 0;
};

class LogFixture : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  // Also as after a restart of the daemon.
  void Open(EventLogOptions options = {}) {
    log_.reset();
    store_.reset();
    auto store = store::OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    log_ = MakeEventLog(*store_, clock_, options);
  }

  v1::Job Create(const std::string& id) {
    Change change;
    change.job.set_name("jobs/" + id);
    change.job.set_state(v1::Job::QUEUED);
    change.events = {StateEvent(v1::Job::QUEUED)};
    auto job = log_->Create(std::move(change), "", "", "");
    EXPECT_TRUE(job.ok()) << job.status();
    return *std::move(job);
  }

  Change ChangeOf(const std::string& id, std::vector<v1::JobEvent> events) {
    const auto view = log_->Get(id);
    EXPECT_TRUE(view.ok()) << view.status();
    Change change;
    change.job = view->job;
    change.version = view->version;
    change.events = std::move(events);
    return change;
  }

  void Append(const std::string& id, std::vector<v1::JobEvent> events) {
    const auto job = log_->Append(ChangeOf(id, std::move(events)));
    ASSERT_TRUE(job.ok()) << job.status();
  }

  void AppendLines(const std::string& id, int count) {
    for (int i = 0; i < count; ++i) Append(id, {LogLine(absl::StrCat("line ", i))});
  }

  void End(const std::string& id, v1::Job::State state = v1::Job::SUCCEEDED) {
    Change change = ChangeOf(id, {StateEvent(state)});
    change.job.set_state(state);
    ASSERT_TRUE(log_->Append(std::move(change)).ok());
  }

  std::unique_ptr<Watch> Start(const std::string& id, int64_t after, Wakes& wakes, bool progress = false) {
    auto watch = log_->StartWatch(id, after, progress, wakes.callback());
    EXPECT_TRUE(watch.ok()) << watch.status();
    return *std::move(watch);
  }

  // All there is now.
  static std::vector<int64_t> Drain(Watch& watch, int limit = 100, bool* ended = nullptr) {
    std::vector<int64_t> sequences;
    while (true) {
      const auto batch = watch.Next(limit);
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (!batch.ok()) return sequences;
      for (const EventPtr& event : batch->events) sequences.push_back(event->sequence());
      if (ended != nullptr) *ended = batch->ended;
      if (batch->events.empty() || batch->ended) return sequences;
    }
  }

  static std::vector<int64_t> Range(int64_t first, int64_t last) {
    std::vector<int64_t> range;
    for (int64_t i = first; i <= last; ++i) range.push_back(i);
    return range;
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<EventLog> log_;
};

}  // namespace sliceflow::events
