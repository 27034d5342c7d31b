// Which worker has which job, for what is said by and of the worker.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sliceflow::scheduler {

// Thread-safe; calls nothing but its clock.
class WorkerJobs {
 public:
  // A line is read, and an end is seen, a moment after it happened: for so long a job that was let go of still counts.
  static constexpr absl::Duration kAfter = absl::Seconds(2);

  // `uptime`: a steady clock.
  explicit WorkerJobs(std::function<absl::Duration()> uptime) : uptime_(std::move(uptime)) {}

  void Begin(const std::string& worker_id, int64_t pid, const std::string& job);
  // Means nothing when another process of the worker has begun a job since.
  void End(const std::string& worker_id, int64_t pid);
  // The job that the worker has, as it was told; empty where it has none.
  std::string Of(const std::string& worker_id) const;

 private:
  struct Held {
    int64_t pid = 0;
    std::string job;
    absl::Duration until;  // infinite while it is computed
  };

  const std::function<absl::Duration()> uptime_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Held> held_ ABSL_GUARDED_BY(mutex_);  // by worker: as many as there are programs
};

}  // namespace sliceflow::scheduler
