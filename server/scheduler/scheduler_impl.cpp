#include "server/scheduler/scheduler_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/clock.h"
#include "common/device_name.h"
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
// A worker beats every second: one that was heard of so lately is there.
constexpr absl::Duration kPresent = absl::Seconds(5);

QueueOptions ToQueueOptions(const SchedulerOptions& options) {
  return {.share_half_life = options.share_half_life,
          .max_running = options.max_running,
          .gets_jobs = options.gets_jobs,
          .uptime = options.uptime};
}

}  // namespace

std::unique_ptr<Scheduler> MakeScheduler(jobs::Jobs& jobs, jobs::Datasets& datasets, SchedulerOptions options) {
  return std::make_unique<SchedulerImpl>(jobs, datasets, std::move(options));
}

SchedulerImpl::SchedulerImpl(jobs::Jobs& jobs, jobs::Datasets& datasets, SchedulerOptions options)
    : jobs_(jobs),
      datasets_(datasets),
      options_(std::move(options)),
      queue_(ToQueueOptions(options_)),
      desk_({options_.max_waiting_queries, options_.max_waiting_queries_of_owner}, options_.query_timeout, options_.query_patience,
            [this] { Wake(); }),
      devices_(options_.devices) {
  for (const DeviceState& device : devices_) queue_.SetDevice(device.name, device.memory_bytes);
  caretaker_ = std::thread([this] { LookAfter(); });
}

SchedulerImpl::~SchedulerImpl() {
  Shutdown(absl::ZeroDuration());
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
    changed_.SignalAll();
  }
  caretaker_.join();
  DestroyRetired();
}

void SchedulerImpl::Start(std::vector<jobs::WaitingJob> queued) {
  for (const jobs::WaitingJob& job : queued) queue_.Push(job);
  queue_.Open();
}

std::function<void()> SchedulerImpl::Ask(Query query, QueryCallback callback) { return desk_.Ask(std::move(query), std::move(callback)); }

std::vector<DeviceState> SchedulerImpl::devices() const {
  absl::MutexLock lock(&mutex_);
  std::vector<DeviceState> devices = devices_;
  for (DeviceState& device : devices) device.reserved_memory_bytes = queue_.ReservedBytes(device.name);
  for (const auto& [session, attached] : sessions_) {
    if (attached.dead) continue;
    const std::string& name = attached.hello.device();
    const auto device = std::find_if(devices.begin(), devices.end(), [&](const DeviceState& known) { return known.name == name; });
    if (device == devices.end()) continue;  // no Hello yet, or of queries alone
    device->used_memory_bytes += session->used_bytes();
    if (attached.flow_lane == nullptr) continue;
    device->ready = true;
    device->running_jobs += attached.flow_lane->busy() ? 1 : 0;
  }
  for (DeviceState& device : devices)
    device.problem = options_.device_health ? std::string(options_.device_health(device.name).message()) : "";
  return devices;
}

void SchedulerImpl::CutOff(const std::function<absl::Status(const WorkerPeer&)>& judge) {
  absl::MutexLock lock(&mutex_);
  for (auto& [session, attached] : sessions_) {
    if (!session->peer().remote || attached.dead) continue;
    const absl::Status status = judge(session->peer());
    if (status.ok()) continue;
    attached.dead = true;
    session->Cut();
    if (attached.hello.worker_id().empty()) continue;  // it never said who it is
    TellOfRemote(*session, attached.hello, absl::StrCat("is cut off: ", status.message()), /*is_warning=*/true);
  }
}

void SchedulerImpl::Shutdown(absl::Duration time) {
  queue_.Close();
  if (!stopping_.HasBeenNotified()) stopping_.Notify();
  desk_.Close();
  AttachResponse drain;
  drain.mutable_drain();
  absl::MutexLock lock(&mutex_);
  for (const auto& [session, attached] : sessions_) session->Send(drain);
  const auto gone = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return sessions_.empty(); };
  if (changed_.AwaitWithTimeout(mutex_, gone, time)) return;
  for (const auto& [session, attached] : sessions_) session->Cut();
  changed_.AwaitWithTimeout(mutex_, gone, kCutTimeout);
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
  WorkerObserver* const observer = ObserverOf(session);
  absl::Status status = CheckHello(session.peer(), hello);
  if (status.ok()) status = TakeId(session, hello);
  if (!status.ok()) {
    if (observer != nullptr) observer->OnRefused(hello.worker_id(), hello.pid(), status);
    TellOfRemote(session, hello, absl::StrCat("was refused: ", status.message()), /*is_warning=*/true);
    return status;
  }
  if (observer != nullptr) observer->OnAdmitted(hello.worker_id(), hello.pid());
  TellOfRemote(session, hello, "attached", /*is_warning=*/false);
  absl::MutexLock lock(&mutex_);
  return MakeLane(session, sessions_[&session]);
}

absl::Status SchedulerImpl::TakeId(WorkerSession& session, const Hello& hello) {
  const absl::Duration now = options_.uptime();
  absl::MutexLock lock(&mutex_);
  for (const auto& [other, attached] : sessions_) {
    if (other == &session || attached.hello.worker_id() != hello.worker_id()) continue;
    // Two machines of one name would else throw each other out in turns, and the job with them.
    const bool is_there = !attached.dead && !other->closing() && now - other->last_heard(now) <= kPresent;
    if (session.peer().remote && is_there) {
      return absl::AlreadyExistsError(absl::StrCat(
          "worker_id: a worker ", absl::StripPrefix(hello.worker_id(), kRemoteIds), " of ", hello.device(), " is attached from ",
          other->peer().address, " and alive; want another name of the machine (--name), or of the worker (--worker-id)"));
    }
    // A restarted one, whose old stream has not been noticed to be dead.
    other->Cut();
  }
  sessions_[&session].hello = hello;
  return absl::OkStatus();
}

void SchedulerImpl::TellOfRemote(const WorkerSession& session, const Hello& hello, absl::string_view what, bool is_warning) const {
  const WorkerPeer& peer = session.peer();
  if (!peer.remote || !options_.remote_worker) return;
  options_.remote_worker({.id = hello.worker_id(), .device = hello.device(), .subject = peer.subject, .address = peer.address}, what,
                         is_warning);
}

absl::Status SchedulerImpl::CheckHello(const WorkerPeer& peer, const Hello& hello) const {
  if (hello.version() != options_.version) {
    return WithReason(absl::FailedPreconditionError(
                          absl::StrCat("the worker is of version ", hello.version(), ", this server of version ", options_.version)),
                      "VERSION_MISMATCH", {{"worker_version", hello.version()}, {"server_version", options_.version}});
  }
  if (absl::Status status = CheckIdentity(peer, hello); !status.ok()) return status;
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
  AddDevice(attached.hello);
  auto lane = std::make_unique<FlowLane>(session, queue_, jobs_, std::move(ledger), stopping_, options_.worker_end, options_.held_up,
                                         ObserverOf(session));
  attached.flow_lane = lane.get();
  return lane;
}

void SchedulerImpl::AddDevice(const Hello& hello) {
  auto device = std::find_if(devices_.begin(), devices_.end(), [&](const DeviceState& known) { return known.name == hello.device(); });
  if (device == devices_.end()) device = devices_.insert(device, DeviceState{hello.device(), hello.threads()});
  if (IsDeviceOfAnotherMachine(device->name)) {
    // What the newest worker says: the machine may have been started anew, with another bound.
    device->threads = hello.threads();
    device->memory_bytes = hello.memory_bytes();
  }
  if (device->memory_bytes == 0) device->memory_bytes = hello.memory_bytes();
  queue_.SetDevice(device->name, device->memory_bytes);
}

void SchedulerImpl::RemoveDeviceWithoutWorkers(const std::string& name) {
  if (!IsDeviceOfAnotherMachine(name)) return;
  for (const auto& [session, attached] : sessions_) {
    if (attached.flow_lane != nullptr && attached.hello.device() == name) return;
  }
  queue_.RemoveDevice(name);
  devices_.erase(std::remove_if(devices_.begin(), devices_.end(), [&](const DeviceState& device) { return device.name == name; }),
                 devices_.end());
}

void SchedulerImpl::KillProcess(const Hello& hello) {
  if (options_.kill_worker && hello.pid() != 0) options_.kill_worker(hello.worker_id(), hello.pid());
}

void SchedulerImpl::Served(const WorkerSession& session) {
  WorkerObserver* const observer = ObserverOf(session);
  if (observer != nullptr) observer->OnServed(session.hello().worker_id(), session.hello().pid());
}

void SchedulerImpl::Retire(WorkerSession* session) {
  const Hello& hello = session->hello();
  WorkerObserver* const observer = ObserverOf(*session);
  if (observer != nullptr) observer->OnDetached(hello.worker_id(), hello.pid());
  absl::MutexLock lock(&mutex_);
  Attached& attached = sessions_[session];
  // A worker that was refused, or never said who it is, has not been there.
  if (!attached.hello.worker_id().empty()) TellOfRemote(*session, hello, "detached", /*is_warning=*/false);
  if (std::exchange(attached.flow_lane, nullptr) != nullptr) RemoveDeviceWithoutWorkers(hello.device());
  retired_.push_back(session);
  woken_ = true;
  changed_.SignalAll();
}

void SchedulerImpl::Wake() {
  absl::MutexLock lock(&mutex_);
  woken_ = true;
  changed_.SignalAll();
}

void SchedulerImpl::LookAfter() {
  const auto woken = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return woken_ || ending_; };
  pauses_.Look(options_.uptime());
  absl::Duration next_look = options_.uptime() + kTick;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      changed_.AwaitWithTimeout(mutex_, woken, next_look - options_.uptime());
      woken_ = false;
      if (ending_) return;
    }
    const absl::Duration now = options_.uptime();
    desk_.Tick(now);
    DestroyRetired();
    if (now < next_look) continue;
    pauses_.Look(now);
    HoldToTimeLimits(now);
    KillHung(now);
    queue_.Tick();
    next_look = now + kTick;
  }
}

void SchedulerImpl::HoldToTimeLimits(absl::Duration now) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [session, attached] : sessions_) {
    if (attached.flow_lane != nullptr && !attached.dead) attached.flow_lane->HoldToTimeLimit(now);
  }
}

void SchedulerImpl::KillHung(absl::Duration now) {
  std::vector<Hello> hung;
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [session, attached] : sessions_) {
      const bool silent = pauses_.Lasted(session->last_heard(now), now) > options_.heartbeat_timeout;
      const bool stubborn =
          attached.flow_lane != nullptr && pauses_.Lasted(attached.flow_lane->told_to_stop(), now) > options_.stop_timeout;
      if (attached.dead || (!silent && !stubborn)) continue;
      attached.dead = true;
      session->Cut();
      if (attached.hello.worker_id().empty()) continue;  // it never said who it is
      TellOfRemote(*session, attached.hello, silent ? "says nothing and is cut off" : "does not give up its job and is cut off",
                   /*is_warning=*/true);
      hung.push_back(attached.hello);
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
    changed_.SignalAll();
  }
}

}  // namespace sliceflow::scheduler
