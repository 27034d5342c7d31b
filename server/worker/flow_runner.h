// Computes whole jobs, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/steady_wait.h"
#include "common/stop_latch.h"
#include "server/engine/flow.h"
#include "server/worker/connection.h"
#include "server/worker/memory_meter.h"
#include "server/worker/runner.h"

namespace sliceflow::worker {

class FlowRunner : public Runner {
 public:
  // Both must outlive the runner. `idle_bytes`: what the worker holds without work.
  FlowRunner(Connection& connection, MemoryMeter& meter, int64_t idle_bytes);
  // Waits for what is being computed: see Stop.
  ~FlowRunner() override;

  absl::Status Handle(const v1::AttachResponse& message, BlobInbox& inbox, const Tables& tables) override;
  bool Stop(absl::Duration time) override;

 private:
  struct Task {
    int64_t assignment = 0;
    absl::StatusOr<engine::FlowSpec> spec;
    int64_t samples_per_step = 0;
    int64_t max_memory_bytes = 0;
    std::optional<std::string> checkpoint;
    std::optional<absl::StatusOr<engine::FlowSpec>> parent;  // what the checkpoint was made from, where that is not `spec`
    StopLatch stop;
  };

  absl::Status Assign(const v1::Assign& assign, BlobInbox& inbox, const Tables& tables);
  void Run();
  v1::AssignmentEnded ComputeWithinLimit(Task& task);
  v1::AssignmentEnded Compute(Task& task);
  // The flow at step 0, or where the checkpoint is.
  static absl::StatusOr<std::unique_ptr<engine::Flow>> Begin(const Task& task, engine::ProgressCallback progress);
  v1::AssignmentEnded Advance(Task& task, engine::Flow& flow, engine::ProgressCallback progress);
  // Sends the state of the flow as it stands, then counts it as unacknowledged.
  absl::Status ReportStep(const Task& task, engine::Flow& flow, double seconds);
  void SendProgress(int64_t assignment, const engine::InnerProgress& progress);
  // Waits until fewer than two steps are unacknowledged, or the task is to stop.
  void WaitForWindow(const Task& task);

  Connection& connection_;
  MemoryMeter& meter_;
  const int64_t idle_bytes_;
  absl::Mutex mutex_;
  SteadyCondVar idle_;                                  // nothing is computed any more
  std::shared_ptr<Task> task_ ABSL_GUARDED_BY(mutex_);  // until it has ended
  int unacknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sliceflow::worker
