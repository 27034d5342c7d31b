// Wakes watchers: publishers mark a job as changed and go on; one thread calls whoever watches it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/steady_wait.h"
#include "server/events/event_log.h"

namespace sliceflow::events {

// What waits is a set of jobs, each at most once, whatever the number of events; an event costs its publisher the same for one watcher as
// for a thousand. Thread-safe.
class Hub {
 public:
  explicit Hub(absl::Duration progress_interval);
  // All watchers must have left.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  struct Watcher;
  using WatcherPtr = std::shared_ptr<Watcher>;

  // Begins to watch a job whose log ends at `newest`; `wake` is called soon. For one job, calls of Join, Publish and Close must follow each
  // other in the order of the log.
  WatcherPtr Join(const std::string& job_id, int64_t newest, bool final, bool inner_progress, std::function<void()> wake);
  // After this `wake` is not called any more; waits for a call that is running.
  void Leave(const WatcherPtr& watcher);

  // The job's log now ends at `newest`; `final`: nothing more will come. With `step_done` the progress shown so far is out of date.
  void Publish(const std::string& job_id, int64_t newest, bool final, bool step_done);
  void PublishProgress(const std::string& job_id, EventPtr event);
  // The job is deleted.
  void Close(const std::string& job_id);

  // What a watcher can know without reading the log. `progress` is told once to each who asked for it.
  struct View {
    int64_t newest = 0;
    bool final = false;
    bool deleted = false;
  };
  View Look(const WatcherPtr& watcher);
  EventPtr TakeProgress(const WatcherPtr& watcher);

  // How far a watcher has come, for the figures.
  static void SetCursor(const WatcherPtr& watcher, int64_t sequence);
  EventLog::WatchFigures figures();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  enum Reason : unsigned { kJoined = 1, kProgress = 2, kEvents = 4 };

  // A job that is watched. Guarded by the hub's mutex.
  struct Channel {
    std::string job_id;
    View view;
    EventPtr progress;            // what is shown
    int64_t progress_number = 0;  // raised with each that is shown
    EventPtr waiting;             // newer, to be shown at `next_progress`
    SteadyTime next_progress;     // not before
    unsigned reasons = 0;         // why its watchers are to be called; in `changed_` while not 0
    std::unordered_set<WatcherPtr> watchers;
  };
  using ChannelPtr = std::shared_ptr<Channel>;

  void MarkChanged(const ChannelPtr& channel, Reason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ShowProgress(const ChannelPtr& channel, EventPtr event, SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Shows what is due and answers how long until the next is.
  absl::Duration ShowDueProgress() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<WatcherPtr> TakeChanged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Dispatch();

  const std::chrono::nanoseconds progress_interval_;
  absl::Mutex mutex_;
  SteadyCondVar work_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::unordered_map<std::string, ChannelPtr> channels_ ABSL_GUARDED_BY(mutex_);  // those that have watchers
  std::deque<ChannelPtr> changed_ ABSL_GUARDED_BY(mutex_);
  std::vector<ChannelPtr> waiting_ ABSL_GUARDED_BY(mutex_);  // those with `waiting` set
  std::thread dispatcher_;
};

}  // namespace sliceflow::events
