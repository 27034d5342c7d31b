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
#include "common/stop_latch.h"
#include "server/engine/flow.h"
#include "server/worker/connection.h"
#include "server/worker/runner.h"

namespace sliceflow::worker {

class FlowRunner : public Runner {
 public:
  // `connection` must outlive the runner.
  explicit FlowRunner(Connection& connection);
  // Waits for what is being computed: see Stop.
  ~FlowRunner() override;

  absl::Status Handle(const v1::AttachResponse& message, BlobInbox& inbox, const Tables& tables) override;
  bool Stop(absl::Time deadline) override;

 private:
  struct Task {
    int64_t assignment = 0;
    absl::StatusOr<engine::FlowSpec> spec;
    int64_t samples_per_step = 0;
    std::optional<std::string> checkpoint;
    StopLatch stop;
  };

  absl::Status Assign(const v1::Assign& assign, BlobInbox& inbox, const Tables& tables);
  void Run();
  v1::AssignmentEnded Compute(Task& task);
  v1::AssignmentEnded Advance(Task& task, engine::Flow& flow, engine::ProgressCallback progress);
  // Sends the state of the flow as it stands, then counts it as unacknowledged.
  absl::Status ReportStep(const Task& task, engine::Flow& flow, double seconds);
  void SendProgress(int64_t assignment, const engine::InnerProgress& progress);
  // Waits until fewer than two steps are unacknowledged, or the task is to stop.
  void WaitForWindow(const Task& task);

  Connection& connection_;
  absl::Mutex mutex_;
  std::shared_ptr<Task> task_ ABSL_GUARDED_BY(mutex_);  // until it has ended
  int unacknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sliceflow::worker
