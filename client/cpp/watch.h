// Following a job.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/retry.h"
#include "common/stop_latch.h"
#include "common/tensor.h"
#include "sliceflow/v1/job_service.grpc.pb.h"

namespace sliceflow::client {

// What a watch brings.
struct WatchUpdate {
  // An event, `compacted` or `snapshot`; never `samples`.
  v1::WatchJobResponse response;
  // With a StepCompleted event, the samples that were asked for: shape [rows, dimension].
  std::optional<Tensor> samples;
};

struct WatchOptions {
  // The last sequence already seen; 0 starts at the beginning.
  int64_t after_sequence = 0;
  // Rows of each step's samples: 0 none, -1 all that are stored.
  int32_t sample_limit = 0;
  bool include_inner_progress = false;
  // How long the watch goes on trying while no server answers. The time starts anew with every message.
  absl::Duration patience = absl::Minutes(2);
  // Ends the watch, not the job. Not owned; may be null.
  const StopLatch* stop = nullptr;
  // Called on the watching thread about ten times a second. May be empty.
  std::function<void()> on_idle;
  // Called when the connection is lost, with the reason and the pause before the next attempt. May be empty.
  std::function<void(const absl::Status&, absl::Duration)> on_lost;
};

// How a watch ended.
struct WatchEnd {
  // The last sequence handed over: where another watch goes on.
  int64_t last_sequence = 0;
  // The job's final state; STATE_UNSPECIFIED when the watch was stopped before.
  v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
  bool stopped = false;
};

// Calls `on_update` with each durable event after `after_sequence` once and in order, and with inner progress where asked for, until the
// job has ended, `stop` is triggered, or `on_update` answers an error, which is returned. A lost connection (UNAVAILABLE, or CANCELLED by
// the server) is taken up again from the last sequence handed over. A step's event is handed over together with its samples, so that one
// whose samples broke off is asked for again. Never cancels the job. `timeout`: of the unary calls that it makes.
absl::StatusOr<WatchEnd> WatchJob(v1::JobService::Stub& stub, const std::string& job, const WatchOptions& options, const RetryPolicy& retry,
                                  absl::Duration timeout, int64_t max_tensor_values,
                                  absl::FunctionRef<absl::Status(const WatchUpdate&)> on_update);

bool IsFinal(v1::Job::State state);

}  // namespace sliceflow::client
