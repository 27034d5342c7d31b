#include "server/daemon/workers.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/clock.h"
#include "common/filesystem.h"
#include "common/grpc_deadline.h"
#include "common/log.h"
#include "common/machine_memory.h"
#include "common/quoted.h"
#include "common/version.h"
#include "server/daemon/server_bounds.h"
#include "server/daemon/tls.h"
#include "server/scheduler/worker_peer.h"

namespace sliceflow::daemon {
namespace {

constexpr int kLooksAfterRenewal = 5;  // a second apart
constexpr char kFlowWorker[] = "cpu-flow";
constexpr char kQueryWorker[] = "cpu-query";
constexpr absl::string_view kFlowLane = "flow";
constexpr absl::string_view kQueryLane = "query";
constexpr int kQueryThreads = 1;
// Workers ask every ten seconds; what is on its way may make two of these come close together.
constexpr absl::Duration kLeastPingInterval = absl::Seconds(5);

// What every worker that the daemon starts is told.
scheduler::WorkerProgram Program(const Settings& settings, const std::string& socket, const std::string& id, const std::string& device,
                                 absl::string_view lane, int threads) {
  scheduler::WorkerProgram program{id, settings.worker, {}, device, lane == kFlowLane};
  program.arguments = {"--connect", socket,   "--worker-id",     id,          "--device",
                       device,      "--lane", std::string(lane), "--threads", absl::StrCat(threads)};
  const auto add = [&](const char* flag, std::string value) {
    program.arguments.emplace_back(flag);
    program.arguments.push_back(std::move(value));
  };
  add("--sandbox", settings.worker_sandbox);
  add("--max-memory", absl::StrCat(settings.worker_memory_bytes));
  add("--max-cpu-seconds", absl::StrCat(absl::ToInt64Seconds(absl::Ceil(settings.worker_cpu_time, absl::Seconds(1)))));
  if (!settings.worker_user.empty()) add("--user", settings.worker_user);
  return program;
}

scheduler::WorkerProgram GpuProgram(const Settings& settings, const std::string& socket, const GpuDevice& gpu) {
  const std::string id = absl::StrCat(absl::StrReplaceAll(gpu.device, {{":", "-"}}), "-flow");
  scheduler::WorkerProgram program = Program(settings, socket, id, gpu.device, kFlowLane, settings.threads);
  program.arguments.insert(program.arguments.end(), {"--gpu", gpu.gpu.id, "--gpu-precision", settings.gpu_precision});
  return program;
}

scheduler::SupervisorOptions ToSupervisorOptions(const Settings& settings, Metrics& metrics, const JobTraces& traces) {
  scheduler::SupervisorOptions options;
  options.attach_timeout = settings.worker_attach_timeout;
  options.restarted = [&metrics](const std::string& id) { metrics.WorkerRestarted(id); };
  options.log = [&traces](const std::string& id, const std::string& job, absl::string_view line) {
    Log(LogLevel::kInfo, line, {{"job", job}, {"worker", id}, {"trace_id", traces.Of(job)}});
  };
  options.warn = [&traces](const std::string& id, const std::string& job, absl::string_view what) {
    Log(LogLevel::kWarn, absl::StrCat("worker ", what), {{"job", job}, {"worker", id}, {"trace_id", traces.Of(job)}});
  };
  return options;
}

// What a worker says of itself may hold anything.
void LogRemote(const scheduler::RemoteWorker& worker, absl::string_view what, bool is_warning) {
  Log(is_warning ? LogLevel::kWarn : LogLevel::kInfo,
      absl::StrCat("worker of another machine ", what, "; device ", Quoted(worker.device), ", certificate of ", Quoted(worker.subject),
                   ", from ", worker.address),
      {{"worker", worker.id}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Workers>> Workers::Make(const WorkersSources& sources) {
  std::unique_ptr<Workers> workers(new Workers(sources));
  const Settings& settings = sources.settings;
  absl::StatusOr<WorkerSocket> socket = WorkerSocket::Make(RealFileSystem(), settings.data_dir);
  if (!socket.ok()) return socket.status();
  workers->socket_.emplace(*std::move(socket));
  if (workers->computes_jobs()) {
    absl::StatusOr<std::vector<GpuDevice>> gpus = ChooseGpus(settings);
    if (!gpus.ok()) return OfSetting("gpus", gpus.status());
    workers->gpus_ = *std::move(gpus);
  }
  workers->supervisor_ =
      std::make_unique<scheduler::Supervisor>(workers->LocalPrograms(), ToSupervisorOptions(settings, sources.metrics, sources.traces));
  workers->scheduler_ = scheduler::MakeScheduler(sources.jobs, sources.datasets, workers->OptionsOfScheduler());
  if (absl::Status status = workers->Listen(); !status.ok()) return status;
  return workers;
}

std::vector<scheduler::WorkerProgram> Workers::LocalPrograms() const {
  const Settings& settings = sources_.settings;
  std::vector<scheduler::WorkerProgram> programs;
  if (computes_jobs()) {
    for (const GpuDevice& gpu : gpus_) programs.push_back(GpuProgram(settings, socket_->address(), gpu));
    programs.push_back(Program(settings, socket_->address(), kFlowWorker, kLocalDevice, kFlowLane, settings.threads));
  }
  if (has_local()) programs.push_back(Program(settings, socket_->address(), kQueryWorker, kLocalDevice, kQueryLane, kQueryThreads));
  return programs;
}

std::vector<std::string> Workers::local_devices() const {
  std::vector<std::string> devices;
  if (has_local()) devices.emplace_back(kLocalDevice);
  for (const GpuDevice& gpu : gpus_) devices.push_back(gpu.device);
  return devices;
}

scheduler::SchedulerOptions Workers::OptionsOfScheduler() {
  const Settings& settings = sources_.settings;
  scheduler::SchedulerOptions options;
  options.version = std::string(Version());
  if (computes_jobs()) {
    const int64_t memory = settings.worker_memory_bytes > 0 ? settings.worker_memory_bytes : MachineMemoryBytes();
    options.devices = {{.name = kLocalDevice, .threads = settings.threads, .memory_bytes = memory}};
    for (scheduler::DeviceState& state : GpuStates(gpus_, options.devices[0])) options.devices.push_back(std::move(state));
  }
  scheduler::Supervisor& supervisor = *supervisor_;
  options.max_running = [&quotas = sources_.quotas](const std::string& owner) { return quotas.Of(owner).max_running_jobs(); };
  options.kill_worker = [&supervisor](const std::string& worker_id, int64_t pid) { supervisor.Kill(worker_id, pid); };
  options.worker_end = [&supervisor](const std::string& worker_id, int64_t pid) { return supervisor.DescribeEnd(worker_id, pid); };
  options.observer = &supervisor;
  options.remote_worker = LogRemote;
  options.device_health = [&supervisor](const std::string& device) { return supervisor.device_health(device); };
  options.held_up = [this](const std::string& job, const absl::Status& why) { ObserveHeldUp(job, why, sources_.held_up, sources_.traces); };
  options.gets_jobs = [&supervisor](const std::string& device) { return supervisor.gets_jobs(device); };
  return options;
}

absl::Status Workers::Listen() {
  const std::optional<ListenAddress>& listen = sources_.settings.workers_listen;
  grpc::ServerBuilder builder;
  SetConnectionBounds(builder, kLeastPingInterval);
  builder.AddListeningPort(socket_->address(), grpc::InsecureServerCredentials());
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  if (listen.has_value()) {
    absl::StatusOr<std::unique_ptr<Certificates>> certificates = Certificates::Load(sources_.settings.WorkersTls());
    if (!certificates.ok()) return certificates.status();
    certificates_ = *std::move(certificates);
    absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Bind(*listen);
    if (!listener.ok()) return OfSetting("workers.listen", listener.status());
    listener_ = *std::move(listener);
    using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    acceptor = builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, certificates_->ServerCredentials());
  }
  builder.RegisterService(scheduler_->worker_service());
  server_ = builder.BuildAndStart();
  if (!server_) return absl::UnavailableError(absl::StrCat("cannot listen for workers on ", socket_->address()));
  if (listener_ == nullptr) return absl::OkStatus();
  listener_->Start(std::move(acceptor));
  address_ = ListenAddress{listen->host, listener_->port()}.ToString();
  Log(LogLevel::kInfo, absl::StrCat("workers of other machines attach on ", address_));
  return absl::OkStatus();
}

absl::Status Workers::RefreshCertificates() {
  if (certificates_ == nullptr) return absl::OkStatus();
  const absl::Time before = certificates_->load_time();
  absl::Status status = certificates_->Refresh();
  if (certificates_->load_time() != before) {
    Log(LogLevel::kInfo, "took renewed certificates for workers of other machines");
    // At more than this look: gRPC takes them over a second later, and until then lets in whom the old authority has signed.
    looks_at_workers_ = kLooksAfterRenewal;
  }
  if (looks_at_workers_ > 0) {
    --looks_at_workers_;
    CutOffUnsigned();
  }
  return status;
}

void Workers::CutOffUnsigned() {
  const std::string authorities = certificates_->texts().client_ca;
  scheduler_->CutOff([&](const scheduler::WorkerPeer& peer) {
    const absl::Status status = CheckSigned(peer.chain, authorities);
    if (!absl::IsPermissionDenied(status)) return absl::OkStatus();
    return absl::PermissionDeniedError(absl::StrCat("the renewed workers.client_ca does not hold for its certificate: ", status.message()));
  });
}

void Workers::Stop(absl::Duration time) {
  const absl::Duration deadline = Uptime() + time;
  supervisor_->Hold();
  scheduler_->Shutdown(time);
  supervisor_->Stop(deadline - Uptime());
  if (listener_ != nullptr) listener_->Stop();
}

void Workers::CloseServer(absl::Duration time) {
  if (server_ != nullptr) server_->Shutdown(WithinTime(time));
  server_.reset();
}

}  // namespace sliceflow::daemon
