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
#include "absl/time/time.h"
#include "common/steady_wait.h"
#include "common/tensor.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/dataset_ledger.h"
#include "server/scheduler/job_queue.h"
#include "server/scheduler/worker_observer.h"
#include "server/scheduler/worker_session.h"

namespace sliceflow::scheduler {

// What is known of the end of a worker's process; empty where nothing is. May wait a moment for it.
using WorkerEnd = std::function<std::string(const std::string& worker_id, int64_t pid)>;

// As SchedulerOptions::held_up.
using HeldUp = std::function<void(const std::string& job, const absl::Status& why)>;

// On the session's executor, except for the methods of Taker and those named thread-safe.
class FlowLane : public Lane, private JobQueue::Taker {
 public:
  // All must outlive the lane; `observer` may be null. Once `stopping` is notified nothing is reported to `jobs` any more.
  FlowLane(WorkerSession& session, JobQueue& queue, jobs::Jobs& jobs, DatasetLedger ledger, const SteadyNotification& stopping,
           WorkerEnd worker_end, HeldUp held_up, WorkerObserver* observer);

  void Pull() override;
  absl::Status Handle(const worker::v1::AttachRequest& message) override;
  void Beat(const worker::v1::Heartbeat& heartbeat) override;
  void Leave() override { leaving_ = true; }
  void Closed() override;

  // Thread-safe.
  bool busy() const { return busy_.load(); }
  // When, of Uptime, the worker was told to give up what it still computes; infinite otherwise.
  absl::Duration told_to_stop() const;
  // Has the job given up once it has been computed for as long as it may be. `now` is of Uptime.
  void HoldToTimeLimit(absl::Duration now);

 private:
  struct Current {
    std::string job_id;
    int64_t number = 0;
    std::optional<int> checkpoint_step;
    double max_run_seconds = 0;  // 0: no bound
    int64_t seen_bytes = 0;      // the most memory, by heartbeats
    bool stop_sent = false;
    std::string preempted_by;  // the job it gives way to
    absl::Status failure;      // why it is to end, where it is stopped for that
  };

  void Poke() override;
  void Stop(const std::string& job_id) override;
  void Preempt(const std::string& job_id, const std::string& by) override;

  // Starts a job; false when it could not be started now and waits again.
  bool Begin(const std::string& job_id);
  void Hand(jobs::Assignment assignment);
  void SetTimeLimit(const v1::Job& job);
  void SendCancel();
  absl::Status HandleStep(const worker::v1::StepDone& done);
  // Insists on storing a step, and tells where it has to wait.
  absl::Status StoreStep(const v1::StepReport& report, const Tensor& samples, const std::string& checkpoint);
  void HandleEnd(const worker::v1::AssignmentEnded& ended);
  // Repeats what changes the store until it is done, refused, or the daemon stops: a full disk holds a job up and loses nothing.
  absl::Status Insist(const std::function<absl::Status()>& change);
  void LetGo();
  // The worker is gone with the job it had.
  void ReportLoss(const Current& lost);
  // What becomes of a job that was stopped, or whose worker is gone, where that was asked for.
  jobs::Outcome OutcomeOfStop(const Current& current) const;
  bool IsCurrent(int64_t assignment) const { return current_.has_value() && current_->number == assignment; }

  WorkerSession& session_;
  JobQueue& queue_;
  jobs::Jobs& jobs_;
  DatasetLedger ledger_;
  const SteadyNotification& stopping_;
  const WorkerEnd worker_end_;
  const HeldUp held_up_;
  WorkerObserver* const observer_;
  std::optional<Current> current_;
  bool closed_ = false;
  bool leaving_ = false;
  std::atomic<bool> busy_{false};
  std::atomic<bool> poked_{false};
  mutable absl::Mutex mutex_;
  absl::Duration told_to_stop_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  absl::Duration time_limit_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  std::string limited_job_ ABSL_GUARDED_BY(mutex_);  // whose limit that is
};

}  // namespace sliceflow::scheduler
