#include "server/daemon/daemon.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/filesystem.h"
#include "common/version.h"
#include "grpc/health/v1/health.pb.h"
#include "server/api/services.h"
#include "server/daemon/health_watch.h"
#include "server/daemon/ready_file.h"
#include "server/daemon/worker_socket.h"
#include "server/events/event_log.h"
#include "server/jobs/datasets.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/scheduler.h"
#include "server/scheduler/supervisor.h"
#include "server/store/blob_store.h"
#include "server/store/store.h"

namespace sliceflow::daemon {
namespace {

constexpr char kDevice[] = "cpu";
constexpr char kFlowWorker[] = "cpu-flow";
constexpr char kQueryWorker[] = "cpu-query";
constexpr int kQueryThreads = 1;
// Chunks are of 1 MiB; a job's specification is the largest single message.
constexpr int kMaxMessageBytes = 16 << 20;
constexpr size_t kMaxBufferBytes = size_t{512} << 20;
constexpr int kMaxStreamsOfConnection = 1000;
constexpr absl::Duration kHealthInterval = absl::Seconds(5);
// How long another daemon on the same folder may take to end.
constexpr absl::Duration kLockWait = absl::Seconds(2);
// Of the time to shut down, what is left for ending processes and calls.
constexpr absl::Duration kReserve = absl::Seconds(2);
// Commands take milliseconds and uploads can be resumed. Without a bound a client that keeps its connection open and does not look at it
// would hold the server up for all of the time.
constexpr absl::Duration kCallGrace = absl::Seconds(1);

scheduler::WorkerProgram Program(const DaemonOptions& options, const std::string& socket, const char* id, const char* lane, int threads) {
  return {id,
          options.worker,
          {"--connect", socket, "--worker-id", id, "--device", kDevice, "--lane", lane, "--threads", absl::StrCat(threads)}};
}

scheduler::SupervisorOptions SupervisorLog() {
  scheduler::SupervisorOptions options;
  options.log = [](const std::string& id, absl::string_view line) {
    spdlog::info("worker {}: {}", id, std::string_view(line.data(), line.size()));
  };
  return options;
}

// Bounds on what one client can make the server do.
void SetBounds(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.SetResourceQuota(grpc::ResourceQuota("sliceflowd").Resize(kMaxBufferBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfConnection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port that is taken is an error, not shared
}

class DaemonImpl : public Daemon {
 public:
  explicit DaemonImpl(DaemonOptions options) : options_(std::move(options)) {}
  ~DaemonImpl() override { Shutdown(absl::Now()); }

  absl::Status Start();
  const std::string& address() const override { return address_; }
  void Shutdown(absl::Time deadline) override;

 private:
  absl::Status OpenStore();
  absl::Status StartWorkerServer();
  absl::Status StartPublicServer();
  void StartHealth();

  const DaemonOptions options_;
  const api::Limits limits_;
  Clock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<events::EventLog> log_;
  std::unique_ptr<jobs::Jobs> jobs_;
  std::unique_ptr<jobs::Datasets> datasets_;
  std::optional<WorkerSocket> socket_;
  std::unique_ptr<scheduler::Supervisor> supervisor_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  std::unique_ptr<grpc::Server> worker_server_;
  std::unique_ptr<api::Services> services_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<HealthWatch> health_;
  std::optional<ReadyFile> ready_file_;
  std::string address_;
};

absl::Status DaemonImpl::OpenStore() {
  if (absl::Status status = RealFileSystem().CreateFolders(options_.data_dir); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<store::Store>> store = store::OpenSqliteStore(options_.data_dir, kLockWait);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  blobs_ = std::make_unique<store::BlobStore>(absl::StrCat(options_.data_dir, "/blobs"), RealFileSystem());
  log_ = events::MakeEventLog(*store_, clock_);
  jobs_ = std::make_unique<jobs::Jobs>(*log_, *store_, *blobs_, clock_);
  const api::Limits limits;
  datasets_ = jobs::MakeDatasets(*store_, *blobs_, RealFileSystem(), absl::StrCat(options_.data_dir, "/uploads"), clock_,
                                 {limits.max_upload_bytes, limits.max_dataset_values});
  return absl::OkStatus();
}

absl::Status DaemonImpl::Start() {
  if (absl::Status status = OpenStore(); !status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> queue = jobs_->Recover();
  if (!queue.ok()) return queue.status();
  if (absl::Status status = StartWorkerServer(); !status.ok()) return status;
  jobs_->SetListener(scheduler_.get());
  scheduler_->Start(*std::move(queue));
  if (absl::Status status = StartPublicServer(); !status.ok()) return status;
  StartHealth();
  supervisor_->Start();
  absl::StatusOr<ReadyFile> ready_file = ReadyFile::Write(RealFileSystem(), options_.ready_file, address_);
  if (!ready_file.ok()) return ready_file.status();
  ready_file_.emplace(*std::move(ready_file));
  return absl::OkStatus();
}

absl::Status DaemonImpl::StartWorkerServer() {
  absl::StatusOr<WorkerSocket> socket = WorkerSocket::Make(RealFileSystem(), options_.data_dir);
  if (!socket.ok()) return socket.status();
  socket_.emplace(*std::move(socket));
  supervisor_ =
      std::make_unique<scheduler::Supervisor>(std::vector{Program(options_, socket_->address(), kFlowWorker, "flow", options_.threads),
                                                          Program(options_, socket_->address(), kQueryWorker, "query", kQueryThreads)},
                                              SupervisorLog());

  scheduler::SchedulerOptions options;
  options.version = std::string(Version());
  options.devices = {{kDevice, options_.threads}};
  options.kill_worker = [this](const std::string& worker_id, int64_t pid) { supervisor_->Kill(worker_id, pid); };
  scheduler_ = scheduler::MakeScheduler(*jobs_, *datasets_, std::move(options));

  grpc::ServerBuilder builder;
  builder.AddListeningPort(socket_->address(), grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.RegisterService(scheduler_->worker_service());
  worker_server_ = builder.BuildAndStart();
  if (!worker_server_) return absl::UnavailableError(absl::StrCat("cannot listen for workers on ", socket_->address()));
  return absl::OkStatus();
}

absl::Status DaemonImpl::StartPublicServer() {
  grpc::ServerBuilder builder;
  SetBounds(builder);
  int port = 0;
  builder.AddListeningPort(options_.listen.ToString(), grpc::InsecureServerCredentials(), &port);
  services_ = api::RegisterServices(builder, {*jobs_, *datasets_, *log_, *scheduler_}, limits_);
  server_ = builder.BuildAndStart();
  if (!server_ || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options_.listen.ToString(), ": the address is taken or not this machine's"));
  }
  ListenAddress bound = options_.listen;
  bound.port = port;
  address_ = bound.ToString();
  return absl::OkStatus();
}

void DaemonImpl::StartHealth() {
  const auto check = [this] {
    absl::Status status = store_->CheckHealth();
    return status.ok() ? supervisor_->health() : status;
  };
  const auto report = [this](const absl::Status& status) {
    server_->GetHealthCheckService()->SetServingStatus(status.ok());
    if (status.ok()) return spdlog::info("healthy");
    spdlog::error("unhealthy: {}", status.ToString());
  };
  for (const std::string& name : services_->names()) server_->GetHealthCheckService()->SetServingStatus(name, true);
  health_ = std::make_unique<HealthWatch>(kHealthInterval, check, report);
}

void DaemonImpl::Shutdown(absl::Time deadline) {
  ready_file_.reset();
  health_.reset();
  if (server_) server_->GetHealthCheckService()->Shutdown();  // NOT_SERVING
  if (services_) services_->Shutdown();
  if (supervisor_) supervisor_->Hold();
  if (scheduler_) scheduler_->Shutdown(deadline - kReserve);
  if (supervisor_) supervisor_->Stop(deadline - kReserve);
  const auto calls_end = absl::ToChronoTime(std::min(absl::Now() + kCallGrace, deadline));
  if (server_) server_->Shutdown(calls_end);
  if (worker_server_) worker_server_->Shutdown(calls_end);
  server_.reset();
  worker_server_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const DaemonOptions& options) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // grpc++ answers health checks without the message types: linked, reflection can describe them.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
  auto daemon = std::make_unique<DaemonImpl>(options);
  if (absl::Status status = daemon->Start(); !status.ok()) return status;
  return daemon;
}

}  // namespace sliceflow::daemon
