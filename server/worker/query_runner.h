// Answers short queries, one at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/steady_wait.h"
#include "common/tensor.h"
#include "server/engine/flow.h"
#include "server/worker/connection.h"
#include "server/worker/distance_query.h"
#include "server/worker/runner.h"

namespace sliceflow::worker {

// Keeps the flow of its last answer, so that further queries at the same step need no checkpoint.
class QueryRunner : public Runner {
 public:
  // `connection` must outlive the runner.
  explicit QueryRunner(Connection& connection);
  // Waits for what is being computed: see Stop.
  ~QueryRunner() override;

  absl::Status Handle(const v1::AttachResponse& message, BlobInbox& inbox, const Tables& tables) override;
  bool Stop(absl::Duration time) override;

 private:
  struct Task {
    v1::Query query;
    absl::StatusOr<engine::FlowSpec> spec;
    std::optional<std::string> checkpoint;
    Tensor points;
    std::optional<absl::StatusOr<DistanceQuery>> distance;
  };
  struct Held {
    std::string job;
    int step = 0;
    std::unique_ptr<engine::Flow> flow;
  };

  struct Result {
    Tensor tensor;     // of all but an export
    std::string file;  // of an export
  };

  void Run();
  void Answer(Task& task);
  void Send(const Result& result);
  absl::StatusOr<Result> Compute(Task& task);
  absl::StatusOr<Result> ComputeAtStep(Task& task);
  static absl::StatusOr<Result> Tabular(absl::StatusOr<Tensor> tensor);
  absl::Status Hold(Task& task);

  Connection& connection_;
  std::optional<Held> held_;  // on the thread
  absl::Mutex mutex_;
  SteadyCondVar idle_;  // nothing is computed any more
  std::unique_ptr<Task> task_ ABSL_GUARDED_BY(mutex_);
  bool computing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sliceflow::worker
