#include "server/daemon/daemon.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/filesystem.h"
#include "common/grpc_deadline.h"
#include "common/ids.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/stop_latch.h"
#include "grpc/health/v1/health.pb.h"
#include "server/api/access.h"
#include "server/api/audit_log.h"
#include "server/api/call_info.h"
#include "server/api/services.h"
#include "server/daemon/certificates.h"
#include "server/daemon/gauges.h"
#include "server/daemon/health_watch.h"
#include "server/daemon/held_up_steps.h"
#include "server/daemon/listener.h"
#include "server/daemon/observers.h"
#include "server/daemon/readiness.h"
#include "server/daemon/ready_file.h"
#include "server/daemon/server_bounds.h"
#include "server/daemon/upkeep.h"
#include "server/daemon/workers.h"
#include "server/events/event_log.h"
#include "server/gateway/http_server.h"
#include "server/jobs/caretaker.h"
#include "server/jobs/datasets.h"
#include "server/jobs/jobs.h"
#include "server/jobs/quota.h"
#include "server/jobs/sweep.h"
#include "server/jobs/tokens.h"
#include "server/store/blob_store.h"
#include "server/store/data_folder.h"
#include "server/store/disk_room.h"
#include "server/store/store.h"
#include "server/store/token_store.h"
#include "sliceflow/v1/server_service.grpc.pb.h"

namespace sliceflow::daemon {
namespace {

// Of all clients together.
constexpr size_t kMaxBufferBytes = size_t{512} << 20;
constexpr absl::Duration kLeastPingInterval = absl::Seconds(10);
constexpr absl::Duration kHealthInterval = absl::Seconds(5);
constexpr absl::Duration kDeviceHealthInterval = absl::Milliseconds(500);
// Before the name of a device it is the name of a service of grpc.health.v1.
constexpr char kDeviceService[] = "sliceflow.v1.Device/";
constexpr absl::Duration kCertificatesInterval = absl::Seconds(1);
// Who reads the log may stall.
constexpr absl::Duration kLogTime = absl::Milliseconds(200);
constexpr absl::Duration kTidyInterval = absl::Minutes(1);
// How long another daemon on the same folder may take to end.
constexpr absl::Duration kLockWait = absl::Seconds(2);
// So that who looks after readiness and health has noticed before the watches, told to come back, come back: not to this server.
constexpr absl::Duration kNotice = absl::Milliseconds(250);
// Of the time to shut down, what is left for ending processes and calls.
constexpr absl::Duration kReserve = absl::Seconds(2);
// Commands take milliseconds and uploads can be resumed. Without a bound a client that keeps its connection open and does not look at it
// would hold the server up for all of the time.
constexpr absl::Duration kCallGrace = absl::Seconds(1);

// What one sends the other takes.
grpc::ChannelArguments InProcessArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  return arguments;
}

class DaemonImpl : public Daemon {
 public:
  explicit DaemonImpl(const Settings& settings) : settings_(settings) {}
  ~DaemonImpl() override { Shutdown(absl::ZeroDuration()); }

  absl::Status Start();
  const std::string& address() const override { return address_; }
  void Shutdown(absl::Duration time) override;

 private:
  absl::Status StartHttp();
  absl::Status OpenStore();
  absl::Status OpenDoor();
  absl::Status StartPublicServer();
  absl::Status LoadCertificates();
  gateway::TlsIdentity HttpIdentity() const;
  absl::Status RefreshCertificates();
  void StartUpkeep();
  void StartHealth();
  void WatchDevice(const std::string& device);
  absl::Status CheckStore() const;
  void SetStoreServing(bool serving) const;

  const Settings settings_;
  const api::Limits limits_;
  const std::string gateway_word_ = NewId();
  Clock clock_;
  Metrics metrics_;
  JobTraces traces_;
  Readiness readiness_;
  HeldUpSteps held_up_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<store::DiskRoom> disk_;
  std::unique_ptr<jobs::Quotas> quotas_;
  std::unique_ptr<store::TokenStore> token_store_;  // null where no tokens are asked for, as the next
  std::unique_ptr<jobs::Tokens> tokens_;
  std::unique_ptr<api::AuditLog> audit_;
  std::unique_ptr<api::Access> access_;
  std::unique_ptr<events::EventLog> log_;
  std::unique_ptr<jobs::Jobs> jobs_;
  std::unique_ptr<jobs::Datasets> datasets_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<api::Services> services_;
  std::unique_ptr<Certificates> certificates_;  // null without TLS
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;
  StopLatch stop_sweep_;
  std::unique_ptr<Upkeep> upkeep_;
  std::unique_ptr<HealthWatch> health_;
  std::vector<std::unique_ptr<HealthWatch>> device_health_;  // one a device
  std::unique_ptr<HealthWatch> certificates_health_;         // null without TLS
  std::unique_ptr<HealthWatch> disk_watch_;
  std::unique_ptr<jobs::Caretaker> caretaker_;
  std::optional<ReadyFile> ready_file_;
  std::unique_ptr<gateway::HttpServer> http_;  // after all that it shows
  std::string address_;
};

// First of all, so that whoever looks sees a daemon that starts, however long a migration takes.
absl::Status DaemonImpl::StartHttp() {
  if (!settings_.http.has_value()) return absl::OkStatus();
  std::optional<gateway::TlsIdentity> tls;
  if (settings_.encrypts_http()) tls = HttpIdentity();
  auto http = gateway::HttpServer::Start(settings_.http->host, settings_.http->port,
                                         {.readiness = [this] { return readiness_.status(); },
                                          .metrics = [this] { return metrics_.Text(); },
                                          .dashboard = settings_.dashboard,
                                          .peer_word = gateway_word_,
                                          .on_loopback = settings_.http->loopback(),
                                          .tls = std::move(tls)});
  if (!http.ok()) return OfSetting("http", http.status());
  http_ = *std::move(http);
  return absl::OkStatus();
}

absl::Status DaemonImpl::OpenStore() {
  absl::StatusOr<std::unique_ptr<store::Store>> store = store::OpenSqliteStore(settings_.data_dir, {kLockWait, &metrics_});
  if (!store.ok()) return OfSetting("data_dir", store.status());
  if (store::IsOpenToOthers(settings_.data_dir)) {
    Log(LogLevel::kWarn, absl::StrCat("other users of this machine may look into ", settings_.data_dir,
                                      ": chmod 700 keeps jobs and tokens' hashes from them"));
  }
  store_ = *std::move(store);
  blobs_ = std::make_unique<store::BlobStore>(absl::StrCat(settings_.data_dir, "/blobs"), RealFileSystem());
  disk_ = std::make_unique<store::DiskRoom>(settings_.data_dir);
  events::EventLogOptions log_options;
  log_options.observer = [this](const v1::Job& job, const std::vector<events::EventPtr>& events) {
    ObserveJob(job, events, metrics_, traces_);
  };
  log_ = events::MakeEventLog(*store_, clock_, std::move(log_options));
  quotas_ = std::make_unique<jobs::Quotas>(*store_, settings_.quota, settings_.owner_quotas);
  jobs_ = std::make_unique<jobs::Jobs>(*log_, *store_, *blobs_, clock_, jobs::RetryDelays(), settings_.retention);
  jobs_->SetQuotas(quotas_.get());
  jobs_->SetDisk(disk_.get());
  const api::Limits limits;
  datasets_ = jobs::MakeDatasets(*store_, *blobs_, RealFileSystem(), absl::StrCat(settings_.data_dir, "/uploads"), clock_,
                                 {limits.max_upload_bytes, limits.max_dataset_values}, quotas_.get(), disk_.get());
  return absl::OkStatus();
}

absl::Status DaemonImpl::OpenDoor() {
  if (settings_.authentication == "tokens") {
    absl::StatusOr<std::unique_ptr<store::TokenStore>> tokens = store::OpenTokenStore(settings_.data_dir);
    if (!tokens.ok()) return tokens.status();
    token_store_ = *std::move(tokens);
    tokens_ = std::make_unique<jobs::Tokens>(*token_store_, clock_);
  }
  const auto on_error = [](const absl::Status& status) {
    if (status.ok()) return Log(LogLevel::kInfo, "the audit log is written again");
    Log(LogLevel::kError, absl::StrCat("the audit log cannot be written: ", status.ToString()));
  };
  audit_ =
      std::make_unique<api::AuditLog>(RealFileSystem(), absl::StrCat(settings_.data_dir, "/audit.jsonl"), api::AuditOptions(), on_error);
  access_ = std::make_unique<api::Access>(tokens_.get(), *quotas_, audit_.get(), clock_);
  access_->BelieveGateway(gateway_word_);
  return absl::OkStatus();
}

absl::Status DaemonImpl::Start() {
  if (absl::Status status = LoadCertificates(); !status.ok()) return status;
  if (absl::Status status = StartHttp(); !status.ok()) return status;
  if (absl::Status status = OpenStore(); !status.ok()) return status;
  if (absl::Status status = OpenDoor(); !status.ok()) return status;
  absl::StatusOr<std::vector<jobs::WaitingJob>> queue = jobs_->Recover();
  if (!queue.ok()) return queue.status();
  absl::StatusOr<std::unique_ptr<Workers>> workers = Workers::Make({settings_, *jobs_, *datasets_, *quotas_, metrics_, traces_, held_up_});
  if (!workers.ok()) return workers.status();
  workers_ = *std::move(workers);
  jobs_->SetListener(&workers_->scheduler());
  workers_->scheduler().Start(*std::move(queue));
  if (absl::Status status = StartPublicServer(); !status.ok()) return status;
  AddGauges(metrics_, {*store_, *log_, workers_->scheduler(), readiness_, clock_, settings_.data_dir, certificates_.get()});
  StartUpkeep();
  StartHealth();
  caretaker_ = std::make_unique<jobs::Caretaker>(*jobs_, kTidyInterval, [](const absl::Status& status) {
    Log(LogLevel::kError, absl::StrCat("what is to be removed could not be: ", status.ToString()));
  });
  workers_->Start();
  const std::string http = http_ == nullptr ? "" : ListenAddress{settings_.http->host, http_->port()}.ToString();
  if (!http.empty()) {
    Log(LogLevel::kInfo,
        absl::StrCat("the dashboard and the API for browsers are on ", settings_.encrypts_http() ? "https" : "http", "://", http));
  }
  (void)FlushLog(kLogTime);  // who reads the ready file finds what was to be said before
  absl::StatusOr<ReadyFile> ready_file =
      ReadyFile::Write(RealFileSystem(), settings_.ready_file, {.grpc = address_, .http = http, .workers = workers_->address()});
  if (!ready_file.ok()) return OfSetting("ready_file", ready_file.status());
  ready_file_.emplace(*std::move(ready_file));
  return absl::OkStatus();
}

absl::Status DaemonImpl::StartPublicServer() {
  absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Bind(settings_.listen);
  if (!listener.ok()) return OfSetting("listen", listener.status());
  listener_ = *std::move(listener);
  const auto credentials = certificates_ == nullptr ? grpc::InsecureServerCredentials() : certificates_->ServerCredentials();
  grpc::ServerBuilder builder;
  SetConnectionBounds(builder, kLeastPingInterval);
  builder.SetResourceQuota(grpc::ResourceQuota("sliceflowd").Resize(kMaxBufferBytes));
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, credentials);
  services_ = api::RegisterServices(builder, {*jobs_, *datasets_, *access_, workers_->scheduler()}, limits_);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(
      api::ObserveCalls(services_->names(), [this](const api::FinishedCall& call) { ObserveCall(call, metrics_, traces_); }));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  server_ = builder.BuildAndStart();
  if (!server_) return absl::InternalError("gRPC's server does not start");
  listener_->Start(std::move(acceptor));
  if (http_ != nullptr) http_->OpenCalls(server_->InProcessChannel(InProcessArguments()));
  ListenAddress bound = settings_.listen;
  bound.port = listener_->port();
  address_ = bound.ToString();
  return absl::OkStatus();
}

absl::Status DaemonImpl::LoadCertificates() {
  if (!settings_.tls.enabled()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Certificates>> certificates = Certificates::Load(settings_.tls);
  if (!certificates.ok()) return certificates.status();
  certificates_ = *std::move(certificates);
  return absl::OkStatus();
}

gateway::TlsIdentity DaemonImpl::HttpIdentity() const {
  TlsTexts texts = certificates_->texts();
  return {std::move(texts.cert), std::move(texts.key), std::move(texts.client_ca)};
}

absl::Status DaemonImpl::RefreshCertificates() {
  const absl::Time before = certificates_->load_time();
  absl::Status status = certificates_->Refresh();
  if (certificates_->load_time() != before) {
    Log(LogLevel::kInfo, absl::StrCat("took a renewed ", settings_.tls.cert, ", which expires at ",
                                      absl::FormatTime(certificates_->expire_time(), absl::UTCTimeZone())));
    if (settings_.encrypts_http()) status = http_->UseTls(HttpIdentity());
  }
  const absl::Status of_workers = workers_->RefreshCertificates();
  return status.ok() ? of_workers : status;
}

void DaemonImpl::StartUpkeep() {
  UpkeepTasks tasks;
  tasks.sweep = [this] { return jobs::SweepJobFiles(*store_, *blobs_, stop_sweep_); };
  tasks.drop = [this] { return datasets_->DropAbandonedUploads(); };
  tasks.check = [this] { return store_->CheckIntegrity(); };
  tasks.stop_check = [this] {
    stop_sweep_.Trigger();
    store_->StopChecks();
  };
  tasks.report = [](const std::string& task, const absl::Status& status, absl::Duration duration) {
    Log(status.ok() ? LogLevel::kDebug : LogLevel::kError,
        absl::StrCat(task, " after ", absl::FormatDuration(duration), ": ", status.ok() ? "sound" : status.ToString()));
  };
  upkeep_ = std::make_unique<Upkeep>(std::move(tasks));
}

absl::Status DaemonImpl::CheckStore() const {
  absl::Status status = store_->CheckHealth();
  if (status.ok()) status = blobs_->CheckHealth();
  return status.ok() ? upkeep_->integrity() : status;
}

// Jobs and data sets cannot be served without the store; what the server is can.
void DaemonImpl::SetStoreServing(bool serving) const {
  for (const std::string& name : services_->names()) {
    const bool needs_store = name != v1::ServerService::service_full_name();
    server_->GetHealthCheckService()->SetServingStatus(name, serving || !needs_store);
  }
}

// What does not need the device is served without it.
void DaemonImpl::WatchDevice(const std::string& device) {
  auto report = [this, device, was_unhealthy = false](const absl::Status& status) mutable {
    server_->GetHealthCheckService()->SetServingStatus(absl::StrCat(kDeviceService, device), status.ok());
    // Nothing is known of it before its workers have come or failed.
    if (status.ok() && !was_unhealthy) return;
    was_unhealthy = !status.ok();
    if (status.ok()) return Log(LogLevel::kInfo, absl::StrCat("device ", device, " is healthy again"));
    Log(LogLevel::kError, absl::StrCat("device ", device, " is not healthy: ", status.message()));
  };
  report(workers_->device_health(device));  // who reads the ready file finds it told
  device_health_.push_back(std::make_unique<HealthWatch>(
      kDeviceHealthInterval, [this, device] { return workers_->device_health(device); }, report));
}

void DaemonImpl::StartHealth() {
  const auto check = [this] {
    absl::Status status = CheckStore();
    SetStoreServing(status.ok());
    if (status.ok()) status = listener_->status();
    if (status.ok()) status = held_up_.status();
    readiness_.Set(status);
    return status;
  };
  const auto report = [this](const absl::Status& status) {
    server_->GetHealthCheckService()->SetServingStatus("", status.ok());
    if (status.ok()) return Log(LogLevel::kInfo, "healthy");
    Log(LogLevel::kError, absl::StrCat("unhealthy: ", status.ToString()));
  };
  (void)check();  // who reads the ready file finds it ready
  health_ = std::make_unique<HealthWatch>(kHealthInterval, check, report);
  const auto check_disk = [this] {
    disk_->KeepReserve();
    return disk_->Check(0);
  };
  disk_watch_ = std::make_unique<HealthWatch>(kHealthInterval, check_disk, [](const absl::Status& status) {
    if (status.ok()) return Log(LogLevel::kInfo, "the disk has room");
    Log(LogLevel::kError, absl::StrCat("new jobs and uploads are refused, and steps wait: ", status.message()));
  });
  for (const std::string& device : workers_->local_devices()) WatchDevice(device);
  if (certificates_ == nullptr) return;
  const auto report_certificates = [](const absl::Status& status) {
    if (status.ok()) return Log(LogLevel::kInfo, "the files of TLS are in order");
    Log(LogLevel::kError, absl::StrCat("the files of TLS cannot be taken, those of before stay in use: ", status.message()));
  };
  certificates_health_ = std::make_unique<HealthWatch>(
      kCertificatesInterval, [this] { return RefreshCertificates(); }, report_certificates);
}

void DaemonImpl::Shutdown(absl::Duration time) {
  const absl::Duration deadline = Uptime() + time;
  readiness_.Stop();
  ready_file_.reset();
  health_.reset();
  device_health_.clear();
  certificates_health_.reset();
  disk_watch_.reset();
  caretaker_.reset();
  if (server_) server_->GetHealthCheckService()->Shutdown();  // NOT_SERVING
  absl::SleepFor(std::clamp(time - kReserve, absl::ZeroDuration(), kNotice));
  if (services_) services_->Shutdown();
  if (workers_) workers_->Stop(deadline - kReserve - Uptime());
  if (listener_) listener_->Stop();
  const absl::Duration calls_end = std::min(Uptime() + kCallGrace, deadline);
  if (server_) server_->Shutdown(WithinTime(calls_end - Uptime()));
  if (workers_) workers_->CloseServer(calls_end - Uptime());
  server_.reset();
  upkeep_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Settings& settings) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // grpc++ answers health checks without the message types: linked, reflection can describe them.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
  auto daemon = std::make_unique<DaemonImpl>(settings);
  if (absl::Status status = daemon->Start(); !status.ok()) return status;
  return daemon;
}

}  // namespace sliceflow::daemon
