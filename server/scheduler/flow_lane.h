// A worker's lane that computes whole jobs, one at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/dataset_ledger.h"
#include "server/scheduler/job_queue.h"
#include "server/scheduler/worker_session.h"

namespace sliceflow::scheduler {

// On the session's executor, except for the methods of Taker and those named thread-safe.
class FlowLane : public Lane, private JobQueue::Taker {
 public:
  // All must outlive the lane. Once `stopping` is notified nothing is reported to `jobs` any more.
  FlowLane(WorkerSession& session, JobQueue& queue, jobs::Jobs& jobs, DatasetLedger ledger, const absl::Notification& stopping);

  void Pull() override;
  absl::Status Handle(const worker::v1::AttachRequest& message) override;
  void Closed() override;

  // Thread-safe.
  bool busy() const { return busy_.load(); }
  // When the worker was told to give up what it still computes; infinite future otherwise.
  absl::Time told_to_stop() const;

 private:
  struct Current {
    std::string job_id;
    int64_t number = 0;
    std::optional<int> checkpoint_step;
    bool stop_sent = false;
  };

  void Poke() override;
  void Stop(const std::string& job_id) override;

  // Starts a job; false when it could not be started now and waits again.
  bool Begin(const std::string& job_id);
  void Hand(jobs::Assignment assignment);
  void SendCancel();
  absl::Status HandleStep(const worker::v1::StepDone& done);
  void HandleEnd(const worker::v1::AssignmentEnded& ended);
  // Repeats what changes the store until it is done, refused, or the daemon stops: a full disk holds a job up and loses nothing.
  absl::Status Insist(const std::function<absl::Status()>& change);
  void LetGo();
  bool IsCurrent(int64_t assignment) const { return current_.has_value() && current_->number == assignment; }

  WorkerSession& session_;
  JobQueue& queue_;
  jobs::Jobs& jobs_;
  DatasetLedger ledger_;
  const absl::Notification& stopping_;
  std::optional<Current> current_;
  bool closed_ = false;
  std::atomic<bool> busy_{false};
  std::atomic<bool> poked_{false};
  mutable absl::Mutex mutex_;
  absl::Time told_to_stop_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
};

}  // namespace sliceflow::scheduler
