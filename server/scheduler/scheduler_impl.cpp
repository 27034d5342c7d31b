#include "server/scheduler/scheduler_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/errors.h"

namespace sliceflow::scheduler {
namespace {

using worker::v1::AttachRequest;
using worker::v1::AttachResponse;
using worker::v1::Hello;

// How often timeouts are looked at. Also when a job that could not be started is tried again.
constexpr absl::Duration kTick = absl::Milliseconds(200);
// Longest time that gRPC takes to end a stream that was cut.
constexpr absl::Duration kCutTimeout = absl::Seconds(2);
constexpr size_t kMaxSessions = 256;

}  // namespace

std::unique_ptr<Scheduler> MakeScheduler(jobs::Jobs& jobs, jobs::Datasets& datasets, SchedulerOptions options) {
  return std::make_unique<SchedulerImpl>(jobs, datasets, std::move(options));
}

SchedulerImpl::SchedulerImpl(jobs::Jobs& jobs, jobs::Datasets& datasets, SchedulerOptions options)
    : jobs_(jobs),
      datasets_(datasets),
      options_(std::move(options)),
      desk_(options_.max_waiting_queries, options_.query_timeout, [this] { Wake(); }),
      caretaker_([this] { LookAfter(); }) {}

SchedulerImpl::~SchedulerImpl() {
  Shutdown(absl::Now());
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  caretaker_.join();
  DestroyRetired();
}

void SchedulerImpl::Start(std::vector<std::string> queued_job_ids) {
  for (const std::string& job_id : queued_job_ids) queue_.Push(job_id);
  queue_.Open();
}

std::function<void()> SchedulerImpl::Ask(Query query, QueryCallback callback) { return desk_.Ask(std::move(query), std::move(callback)); }

std::vector<DeviceState> SchedulerImpl::devices() const {
  std::vector<DeviceState> devices = options_.devices;
  absl::MutexLock lock(&mutex_);
  for (const auto& [session, attached] : sessions_) {
    if (attached.flow_lane == nullptr || attached.dead) continue;
    const std::string& name = attached.hello.device();
    auto device = std::find_if(devices.begin(), devices.end(), [&](const DeviceState& known) { return known.name == name; });
    if (device == devices.end()) device = devices.insert(devices.end(), DeviceState{name, attached.hello.threads()});
    device->ready = true;
    device->running_jobs += attached.flow_lane->busy() ? 1 : 0;
  }
  return devices;
}

void SchedulerImpl::Shutdown(absl::Time deadline) {
  queue_.Close();
  if (!stopping_.HasBeenNotified()) stopping_.Notify();
  desk_.Close();
  AttachResponse drain;
  drain.mutable_drain();
  absl::MutexLock lock(&mutex_);
  for (const auto& [session, attached] : sessions_) session->Send(drain);
  const auto gone = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return sessions_.empty(); };
  if (mutex_.AwaitWithDeadline(absl::Condition(&gone), deadline)) return;
  for (const auto& [session, attached] : sessions_) session->Cut();
  mutex_.AwaitWithTimeout(absl::Condition(&gone), kCutTimeout);
}

grpc::ServerBidiReactor<AttachRequest, AttachResponse>* SchedulerImpl::Attach(grpc::CallbackServerContext* context) {
  SessionHost& host = *this;
  auto session = std::make_unique<WorkerSession>(context, host, options_.max_blob_bytes);
  WorkerSession* reactor = session.get();
  absl::MutexLock lock(&mutex_);
  if (stopping_.HasBeenNotified()) reactor->Close({grpc::StatusCode::UNAVAILABLE, "the server is stopping"});
  if (sessions_.size() >= kMaxSessions) reactor->Close({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many workers"});
  sessions_[reactor].session = std::move(session);
  return reactor;
}

absl::StatusOr<std::unique_ptr<Lane>> SchedulerImpl::Admit(WorkerSession& session, const Hello& hello) {
  if (absl::Status status = CheckHello(hello); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  // A worker of the same id is a restarted one whose old stream has not been noticed to be dead.
  for (auto& [other, attached] : sessions_) {
    if (other != &session && attached.hello.worker_id() == hello.worker_id()) other->Cut();
  }
  Attached& attached = sessions_[&session];
  attached.hello = hello;
  return MakeLane(session, attached);
}

absl::Status SchedulerImpl::CheckHello(const Hello& hello) const {
  if (hello.version() != options_.version) {
    return WithReason(absl::FailedPreconditionError(
                          absl::StrCat("the worker is of version ", hello.version(), ", this server of version ", options_.version)),
                      "VERSION_MISMATCH", {{"worker_version", hello.version()}, {"server_version", options_.version}});
  }
  if (hello.worker_id().empty()) return absl::InvalidArgumentError("a worker without an id");
  if (hello.lane() != worker::v1::LANE_FLOW && hello.lane() != worker::v1::LANE_QUERY) {
    return absl::InvalidArgumentError("a worker must say what it takes: whole jobs or queries");
  }
  return absl::OkStatus();
}

std::unique_ptr<Lane> SchedulerImpl::MakeLane(WorkerSession& session, Attached& attached) {
  DatasetLedger ledger(session, datasets_, options_.max_worker_dataset_bytes);
  if (attached.hello.lane() == worker::v1::LANE_QUERY) {
    return std::make_unique<QueryLane>(session, desk_, jobs_, std::move(ledger), [this, &session, hello = attached.hello] {
      session.Cut();
      KillProcess(hello);
    });
  }
  auto lane = std::make_unique<FlowLane>(session, queue_, jobs_, std::move(ledger), stopping_);
  attached.flow_lane = lane.get();
  return lane;
}

void SchedulerImpl::KillProcess(const Hello& hello) {
  if (options_.kill_worker) options_.kill_worker(hello.worker_id(), hello.pid());
}

void SchedulerImpl::Retire(WorkerSession* session) {
  absl::MutexLock lock(&mutex_);
  retired_.push_back(session);
  woken_ = true;
}

void SchedulerImpl::Wake() {
  absl::MutexLock lock(&mutex_);
  woken_ = true;
}

void SchedulerImpl::LookAfter() {
  const auto woken = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return woken_ || ending_; };
  absl::Time next_look = absl::Now() + kTick;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithDeadline(absl::Condition(&woken), next_look);
      woken_ = false;
      if (ending_) return;
    }
    const absl::Time now = absl::Now();
    desk_.Tick(now);
    DestroyRetired();
    if (now < next_look) continue;
    KillHung(now);
    queue_.PokeAll();
    next_look = now + kTick;
  }
}

void SchedulerImpl::KillHung(absl::Time now) {
  std::vector<Hello> hung;
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [session, attached] : sessions_) {
      const bool silent = now - session->last_heard(now) > options_.heartbeat_timeout;
      const bool stubborn = attached.flow_lane != nullptr && now - attached.flow_lane->told_to_stop() > options_.stop_timeout;
      if (attached.dead || (!silent && !stubborn)) continue;
      attached.dead = true;
      session->Cut();
      if (!attached.hello.worker_id().empty()) hung.push_back(attached.hello);
    }
  }
  for (const Hello& hello : hung) KillProcess(hello);
}

void SchedulerImpl::DestroyRetired() {
  std::vector<std::unique_ptr<WorkerSession>> ended;
  {
    absl::MutexLock lock(&mutex_);
    for (WorkerSession* session : retired_) ended.push_back(std::move(sessions_.extract(session).mapped().session));
    retired_.clear();
  }
}

}  // namespace sliceflow::scheduler
