// What keeps the store in order while the daemon serves.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/steady_wait.h"

namespace sliceflow::daemon {

struct UpkeepTasks {
  std::function<absl::Status()> sweep;  // removes files that nothing refers to; once
  std::function<absl::Status()> check;  // whether the database is sound: at once, then hourly, and each minute while it is not
  std::function<absl::Status()> drop;   // removes unfinished uploads that nobody goes on with: before each check
  std::function<void()> stop_check;     // makes a check that is running end soon
  // Told how each ended, and how long it took.
  std::function<void(const std::string& task, const absl::Status& status, absl::Duration duration)> report;
};

// On a thread of its own, so that starting takes no longer the more is stored. Thread-safe.
class Upkeep {
 public:
  explicit Upkeep(UpkeepTasks tasks);
  // Waits for what is running, which is asked to stop.
  ~Upkeep();

  // What the newest check of the database found; Ok before the first has ended.
  absl::Status integrity() const;

 private:
  void Run();
  absl::Status Do(const std::string& name, const std::function<absl::Status()>& task);

  const UpkeepTasks tasks_;
  SteadyNotification stop_;
  mutable absl::Mutex mutex_;
  absl::Status integrity_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace sliceflow::daemon
