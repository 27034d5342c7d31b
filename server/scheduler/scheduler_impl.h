// The scheduler: what MakeScheduler makes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/steady_wait.h"
#include "server/scheduler/flow_lane.h"
#include "server/scheduler/job_queue.h"
#include "server/scheduler/pause_watch.h"
#include "server/scheduler/query_desk.h"
#include "server/scheduler/query_lane.h"
#include "server/scheduler/scheduler.h"
#include "server/scheduler/worker_session.h"
#include "sliceflow/worker/v1/worker.grpc.pb.h"

namespace sliceflow::scheduler {

// Threads: one a session (Executor), and one of its own that looks after timeouts and destroys sessions that have ended.
class SchedulerImpl : public Scheduler, private SessionHost, private worker::v1::WorkerService::CallbackService {
 public:
  SchedulerImpl(jobs::Jobs& jobs, jobs::Datasets& datasets, SchedulerOptions options);
  ~SchedulerImpl() override;

  void Start(std::vector<jobs::WaitingJob> queued) override;
  grpc::Service* worker_service() override { return this; }
  std::function<void()> Ask(Query query, QueryCallback callback) override;
  std::vector<DeviceState> devices() const override;
  void CutOff(const std::function<absl::Status(const WorkerPeer&)>& judge) override;
  void Shutdown(absl::Duration time) override;
  void OnQueued(const jobs::WaitingJob& job) override { queue_.Push(job); }
  void OnStopRequested(const std::string& job_id, int64_t sequence) override { queue_.RequestStop(job_id, sequence); }

 private:
  // A stream, and who it is once it has said Hello. A lane lives as long as its session.
  struct Attached {
    std::unique_ptr<WorkerSession> session;
    worker::v1::Hello hello;
    FlowLane* flow_lane = nullptr;
    bool dead = false;  // the worker was killed; its stream is about to end
  };

  grpc::ServerBidiReactor<worker::v1::AttachRequest, worker::v1::AttachResponse>* Attach(grpc::CallbackServerContext* context) override;
  absl::StatusOr<std::unique_ptr<Lane>> Admit(WorkerSession& session, const worker::v1::Hello& hello) override;
  void Served(const WorkerSession& session) override;
  void Retire(WorkerSession* session) override;

  absl::Status CheckHello(const WorkerPeer& peer, const worker::v1::Hello& hello) const;
  // The id is the session's from now on, unless another of another machine has it and is alive.
  absl::Status TakeId(WorkerSession& session, const worker::v1::Hello& hello);
  // Of a worker of this machine; null of another's, or where there is none.
  WorkerObserver* ObserverOf(const WorkerSession& session) const { return session.peer().remote ? nullptr : options_.observer; }
  void TellOfRemote(const WorkerSession& session, const worker::v1::Hello& hello, absl::string_view what, bool is_warning) const;
  std::unique_ptr<Lane> MakeLane(WorkerSession& session, Attached& attached) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A device that a worker brought, or that is known already.
  void AddDevice(const worker::v1::Hello& hello) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes out a device of another machine that no worker for jobs is left of.
  void RemoveDeviceWithoutWorkers(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KillProcess(const worker::v1::Hello& hello);
  void Wake();
  void LookAfter();
  void HoldToTimeLimits(absl::Duration now);
  void KillHung(absl::Duration now);
  void DestroyRetired();

  jobs::Jobs& jobs_;
  jobs::Datasets& datasets_;
  const SchedulerOptions options_;
  SteadyNotification stopping_;
  JobQueue queue_;
  QueryDesk desk_;
  mutable absl::Mutex mutex_;
  SteadyCondVar changed_;  // sessions, or what LookAfter waits for
  std::vector<DeviceState> devices_ ABSL_GUARDED_BY(mutex_);
  std::map<WorkerSession*, Attached> sessions_ ABSL_GUARDED_BY(mutex_);
  std::vector<WorkerSession*> retired_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  PauseWatch pauses_;  // of the caretaker
  std::thread caretaker_;
};

}  // namespace sliceflow::scheduler
