// Who computes what: the queue, the workers that are attached, and short queries at checkpoints.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/impl/service_type.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/tensor.h"
#include "server/jobs/datasets.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/device.h"
#include "server/scheduler/worker_observer.h"
#include "server/scheduler/worker_peer.h"
#include "sliceflow/v1/distance.pb.h"
#include "sliceflow/v1/job_service.pb.h"
#include "sliceflow/v1/server_service.pb.h"

namespace sliceflow::scheduler {

struct SchedulerOptions {
  std::string version;                                   // a worker of another one is refused
  absl::Duration heartbeat_timeout = absl::Seconds(15);  // a worker silent for longer is killed and its job queued again
  // Queries that wait, of all owners and of one: more are refused with ResourceExhausted and RetryInfo. One job's expressions are up to 17.
  int max_waiting_queries = 256;
  int max_waiting_queries_of_owner = 32;
  absl::Duration query_timeout = absl::Seconds(60);
  absl::Duration query_patience = absl::Seconds(20);    // that a query waits while no worker for queries is attached
  absl::Duration share_half_life = absl::Hours(1);      // after which a second of computing counts half of an owner's share
  absl::Duration stop_timeout = absl::Seconds(30);      // a worker that goes on for longer with what it was told to give up is killed
  int64_t max_blob_bytes = int64_t{2} << 30;            // most bytes of samples, checkpoint or answer that a worker may have in flight
  int64_t max_worker_dataset_bytes = int64_t{1} << 30;  // data sets beyond are dropped by a worker, least recently used first
  std::vector<DeviceState>
      devices;  // those that workers are spawned for: listed also while none is attached. Others come with the first worker and go with the last
  std::function<void(const std::string& worker_id, int64_t pid)> kill_worker;  // ends the process of a hung worker; may be empty
  // How the process of a worker ended, such as `was killed by signal 9 (Killed)`; empty where that is not known. May wait a moment for the
  // process to be through with its end. May be empty.
  std::function<std::string(const std::string& worker_id, int64_t pid)> worker_end;
  WorkerObserver* observer = nullptr;  // of the workers of this machine; may be null; outlives the scheduler
  // What becomes of a worker of another machine, which has no process here: `attached`, `detached`, or, as a warning, what is wrong with it.
  // On threads of the scheduler, short. May be empty.
  std::function<void(const RemoteWorker& worker, absl::string_view what, bool is_warning)> remote_worker;
  // OK, or what is wrong with a device: its workers end again and again, or do not attach. May be empty.
  std::function<absl::Status(const std::string& device)> device_health;
  // Whether a device is given jobs; what it has already goes on. Short, and calls nothing here. May be empty.
  std::function<bool(const std::string& device)> gets_jobs;
  // A computed step of a job (`jobs/ID`) cannot be stored and waits, told once with why; or, with OK, it waits no more. On the thread of the
  // worker's stream, short. May be empty.
  std::function<void(const std::string& job, const absl::Status& why)> held_up;
  // By which workers are judged and owners have their shares; of Uptime but in tests.
  std::function<absl::Duration()> uptime = Uptime;
  // Jobs that an owner may have running at once, 0 for no bound. Short, and calls nothing here. May be empty.
  std::function<int(const std::string& owner)> max_running;
};

// Draws, evaluates or exports at a kept step, checks an expression, or computes a distance, which names its own steps.
struct Query {
  std::string job_id;
  std::optional<int> step;
  struct Draw {
    int count = 0;
    uint64_t seed = 0;
  };
  struct Expression {
    v1::CheckExpressionRequest::Kind kind = v1::CheckExpressionRequest::KIND_UNSPECIFIED;
    std::string source;
    int dimension = 0;  // of what a generator gives, and its parameters, complete
    google::protobuf::RepeatedPtrField<v1::GeneratorParameter> parameters;
  };
  std::optional<Draw> draw;                              // draw samples, or else
  std::optional<Expression> expression;                  // evaluate it and its gradient at points, whatever the job and step, or else
  std::optional<Tensor> points;                          // evaluate log ρ at points, or else
  std::optional<v1::ExportModelRequest::Format> format;  // export the model
  // Compute a distance; complete. Its answer: value, standard error, samples used of either side, bandwidth.
  std::optional<v1::ComputeDistanceRequest> distance;
  std::string owner;                      // who asks: owners take turns, and a distance names data sets of theirs
  std::optional<absl::Duration> timeout;  // another one than SchedulerOptions::query_timeout
};
// What a query is answered with.
struct Answer {
  Tensor tensor;     // of all but an export
  std::string file;  // of an export
};
using QueryCallback = std::function<void(absl::StatusOr<Answer>)>;

// Thread-safe.
class Scheduler : public jobs::Listener {
 public:
  // Takes the recovered queue and begins to hand out jobs as workers attach.
  virtual void Start(std::vector<jobs::WaitingJob> queued) = 0;

  // The gRPC service that workers attach to; register it on a server of its own. A worker that does not come over a socket of this machine
  // is taken for one of another, so a port must let in none without a certificate.
  virtual grpc::Service* worker_service() = 0;

  // Answers exactly once, on a thread of the scheduler: after the answer, an error, or the timeout. The returned function cancels
  // (then the answer is Cancelled); calling it later does nothing.
  virtual std::function<void()> Ask(Query query, QueryCallback callback) = 0;

  virtual std::vector<DeviceState> devices() const = 0;

  // Ends the streams of those workers of other machines that `judge` says something against; their jobs go on elsewhere. `judge` is short and
  // calls nothing here.
  virtual void CutOff(const std::function<absl::Status(const WorkerPeer&)>& judge) = 0;

  // Hands out nothing more, asks workers to stop, and returns when they have gone or the time is up (then their streams are cut).
  // Jobs that were running stay so in the store: Jobs::Recover queues them again. To be called before the server of worker_service is
  // shut down, which in turn comes before the scheduler is destroyed.
  virtual void Shutdown(absl::Duration time) = 0;
};

// All must outlive the result.
std::unique_ptr<Scheduler> MakeScheduler(jobs::Jobs& jobs, jobs::Datasets& datasets, SchedulerOptions options);

}  // namespace sliceflow::scheduler
