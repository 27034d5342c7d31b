// A job in the hands of a worker: what it is given, how that ends, and when it is tried again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {

// A job handed to a worker.
struct Assignment {
  int64_t number = 0;  // progress.assignments of the job: reports of older assignments are refused
  v1::Job job;
  std::optional<int> checkpoint_step;  // the newest kept step, unset to start from the beginning
  std::string checkpoint;
  std::optional<v1::Job> made_from;  // `spec` and `fork_origin` that the checkpoint was made from, where those are a fork's ancestor's
};

// How an assignment ended. A failure belongs to the job: another try would end the same. Stopped without the job being cancelled (the
// worker was told to leave) queues the job again.
struct Outcome {
  enum class Kind { kCompleted, kStopped, kFailed };
  Kind kind = Kind::kCompleted;
  absl::Status error;                         // kFailed
  std::string reason = "the worker stopped";  // kStopped: why the job waits again
};

// How long a job waits after its worker was lost: twice as long after each further loss in a row.
struct RetryDelays {
  absl::Duration first = absl::Seconds(1);
  absl::Duration longest = absl::Seconds(60);
};

}  // namespace sliceflow::jobs
