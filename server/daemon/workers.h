// The daemon's side of its workers: where they attach, the processes it starts, and the scheduler that gives them work.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/metrics.h"
#include "server/daemon/certificates.h"
#include "server/daemon/gpus.h"
#include "server/daemon/held_up_steps.h"
#include "server/daemon/listener.h"
#include "server/daemon/observers.h"
#include "server/daemon/settings.h"
#include "server/daemon/worker_socket.h"
#include "server/jobs/datasets.h"
#include "server/jobs/jobs.h"
#include "server/jobs/quota.h"
#include "server/scheduler/scheduler.h"
#include "server/scheduler/supervisor.h"

namespace sliceflow::daemon {

// The device of this machine that the daemon starts workers for.
inline constexpr char kLocalDevice[] = "cpu";

// What they work on and are told by. All outlives the workers.
struct WorkersSources {
  const Settings& settings;
  jobs::Jobs& jobs;
  jobs::Datasets& datasets;
  jobs::Quotas& quotas;
  Metrics& metrics;
  JobTraces& traces;
  HeldUpSteps& held_up;
};

// Two ports of one gRPC server that serves nothing else: the daemon's own socket for workers of this machine, and, with workers.listen, one
// for workers of others, which must show a certificate that workers.client_ca has signed.
class Workers {
 public:
  // Listens; no process is started yet. The data folder must be this daemon's alone. Unavailable or InvalidArgument, naming the setting.
  static absl::StatusOr<std::unique_ptr<Workers>> Make(const WorkersSources& sources);
  // After Stop and CloseServer.
  ~Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  scheduler::Scheduler& scheduler() { return *scheduler_; }
  // host:port of workers.listen; empty without.
  const std::string& address() const { return address_; }

  // Starts the processes that workers.local names, and keeps them alive.
  void Start() { supervisor_->Start(); }
  // The devices that the daemon starts workers for, and what is wrong with those of one: Unavailable.
  std::vector<std::string> local_devices() const;
  absl::Status device_health(const std::string& device) const { return supervisor_->device_health(device); }

  // As Certificates::Refresh, of the port for other machines, on one thread. OK without one. Workers whose certificates the renewed authority
  // has not signed, and expired ones, are cut off.
  absl::Status RefreshCertificates();

  // In the order of a daemon's end. Workers are asked to end, and killed when the time is up.
  void Stop(absl::Duration time);
  void CloseServer(absl::Duration time);

 private:
  explicit Workers(const WorkersSources& sources) : sources_(sources) {}

  bool has_local() const { return sources_.settings.workers_local != "none"; }
  bool computes_jobs() const { return sources_.settings.workers_local == "all"; }
  absl::Status Listen();
  void CutOffUnsigned();
  std::vector<scheduler::WorkerProgram> LocalPrograms() const;
  scheduler::SchedulerOptions OptionsOfScheduler();

  const WorkersSources sources_;
  std::vector<GpuDevice> gpus_;  // that workers are started for
  std::optional<WorkerSocket> socket_;
  std::unique_ptr<scheduler::Supervisor> supervisor_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  std::unique_ptr<Certificates> certificates_;  // null without workers.listen, as the listener
  int looks_at_workers_ = 0;                    // that are still to come after a renewal
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;
  std::string address_;
};

}  // namespace sliceflow::daemon
