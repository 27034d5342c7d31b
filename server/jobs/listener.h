// What the scheduler is told of jobs.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace sliceflow::jobs {

// A job that waits for a worker, as far as the scheduler looks at it.
struct WaitingJob {
  std::string id;        // ids are in the order in which jobs were made
  int64_t sequence = 0;  // of the job's newest event: what is said with an older one is outdated
  std::string owner;
  int priority = 0;
  std::string device;        // as in sliceflow.v1.Job
  int64_t memory_bytes = 0;  // that it is thought to take; 0 where that is not known
  absl::Duration delay;      // from now on, before which it is not to be tried again
};

// Told of what the scheduler must act on, after it is durable, on the caller's thread and under no lock of Jobs. Calls are short. Two calls
// about one job may come in another order than their sequences.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void OnQueued(const WaitingJob& job) = 0;
  // Cancelled or paused, by the event of this sequence: whoever computes it gives up.
  virtual void OnStopRequested(const std::string& job_id, int64_t sequence) = 0;
};

}  // namespace sliceflow::jobs
