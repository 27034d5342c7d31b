#include "server/worker/worker.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/clock.h"
#include "common/cuda_plugin_path.h"
#include "common/grpc_status.h"
#include "common/machine_memory.h"
#include "common/steady_wait.h"
#include "server/engine/flow.h"
#include "server/worker/connection.h"
#include "server/worker/flow_runner.h"
#include "server/worker/memory_meter.h"
#include "server/worker/query_runner.h"
#include "server/worker/route.h"
#include "server/worker/sandbox.h"
#include "server/worker/warm_up.h"

namespace sliceflow::worker {
namespace {

constexpr absl::Duration kHeartbeatInterval = absl::Seconds(1);
// How often it is looked whether the worker is told to end, and how long the daemon then has to end the stream.
constexpr absl::Duration kLook = absl::Milliseconds(100);
constexpr absl::Duration kFarewell = absl::Seconds(2);
// Data sets and checkpoints that the daemon sends; it keeps to less.
constexpr int64_t kMaxBlobBytes = int64_t{4} << 30;

// Whoever started a worker of another machine wants it gone: a service manager, to which only 0 is an end as it should be. A container's
// first process would ignore the signal otherwise.
std::atomic<bool> told_to_end{false};
std::atomic<bool> has_heart{false};

// The first signal has the heart say goodbye, where there is one.
void EndWhenTold() {
  struct sigaction action = {};
  action.sa_handler = [](int /*signal*/) {
    if (told_to_end.exchange(true) || !has_heart) _exit(EXIT_SUCCESS);
  };
  for (const int signal : {SIGTERM, SIGINT}) sigaction(signal, &action, nullptr);
}

// Beats until it is destroyed. Where the worker is told to end it says goodbye, on which the daemon ends the stream.
class Heart {
 public:
  Heart(Connection& connection, MemoryMeter& meter) : thread_([this, &connection, &meter] { Beat(connection, meter); }) {
    has_heart = true;
  }
  ~Heart() {
    has_heart = false;
    stop_.Notify();
    thread_.join();
  }

 private:
  void Beat(Connection& connection, MemoryMeter& meter) {
    absl::Duration next_beat = Uptime() + kHeartbeatInterval, end = absl::InfiniteDuration();
    while (!stop_.WaitForNotificationWithTimeout(kLook)) {
      const absl::Duration now = Uptime();
      if (now >= end) _exit(EXIT_SUCCESS);
      if (told_to_end && end == absl::InfiniteDuration()) {
        v1::AttachRequest message;
        message.mutable_goodbye();
        connection.Send(message);
        end = now + kFarewell;
      }
      if (now < next_beat) continue;
      connection.Send(MakeHeartbeat(meter));
      next_beat = now + kHeartbeatInterval;
    }
  }

  SteadyNotification stop_;
  std::thread thread_;
};

// What has arrived: blobs until they are used, and the data sets that are held.
class Holdings {
 public:
  absl::Status Add(const v1::Blob& blob) {
    if (absl::StartsWith(blob.key(), "datasets/")) arriving_.insert(blob.key());
    return inbox_.Add(blob.key(), blob.data(), {blob.shape().begin(), blob.shape().end()});
  }

  // What has arrived is complete: a message that needs it came.
  absl::Status TakeTables() {
    for (const std::string& name : std::exchange(arriving_, {})) {
      absl::StatusOr<Tensor> tensor = inbox_.TakeTensor(name);
      if (!tensor.ok()) return tensor.status();
      if (tensor->shape.size() != 2) return absl::InvalidArgumentError(absl::StrCat(name, " is no table"));
      auto table = std::make_shared<engine::Table>();
      table->rows = tensor->shape[0];
      table->columns = tensor->shape[1];
      table->values = std::move(tensor->values);
      tables_[name] = std::move(table);
    }
    return absl::OkStatus();
  }

  void Forget(const std::string& name) { tables_.erase(name); }
  BlobInbox& inbox() { return inbox_; }
  const Tables& tables() const { return tables_; }

 private:
  BlobInbox inbox_{kMaxBlobBytes};
  std::set<std::string> arriving_;
  Tables tables_;
};

std::unique_ptr<Runner> MakeRunner(v1::Lane lane, Connection& connection, MemoryMeter& meter, int64_t idle_bytes) {
  if (lane == v1::LANE_QUERY) return std::make_unique<QueryRunner>(connection);
  return std::make_unique<FlowRunner>(connection, meter, idle_bytes);
}

v1::AttachRequest MakeHello(const WorkerOptions& options, int64_t memory_bytes, int64_t idle_bytes) {
  v1::AttachRequest message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_worker_id(options.worker_id);
  hello.set_version(options.version);
  hello.set_device(options.node.empty() ? options.device : absl::StrCat(options.node, "/", options.device));
  hello.set_lane(options.lane);
  hello.set_threads(options.threads);
  hello.set_pid(getpid());
  hello.set_idle_bytes(idle_bytes);
  hello.set_memory_bytes(memory_bytes);
  return message;
}

absl::Status UseDevice(const WorkerOptions& options) {
  absl::string_view number = options.device;
  if (!absl::ConsumePrefix(&number, "cuda:")) return absl::OkStatus();
  if (options.lane == v1::LANE_QUERY) return absl::InvalidArgumentError("queries are answered on the processor: want the device cpu");
  setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 1);
  int device = 0;
  if (!options.gpu.empty()) {
    // The only one that is seen, so the first.
    setenv("CUDA_VISIBLE_DEVICES", options.gpu.c_str(), 1);
  } else if (!absl::SimpleAtoi(number, &device)) {
    return absl::InvalidArgumentError(absl::StrCat("the device is ", options.device, "; want cpu or cuda:N"));
  }
  std::error_code error;
  const absl::StatusOr<std::string> plugin = FindCudaPlugin(std::filesystem::read_symlink("/proc/self/exe", error).string());
  const absl::Status status = plugin.ok() ? engine::UseCuda(*plugin, device, options.gpu_precision) : plugin.status();
  return status.ok() ? status : absl::Status(status.code(), absl::StrCat(options.device, ": ", status.message()));
}

// Handles what comes until the stream ends or the daemon asks to stop; sets `drained` then.
absl::Status Serve(Connection& connection, Runner& runner, bool& drained) {
  Holdings holdings;
  v1::AttachResponse message;
  while (connection.Read(message)) {
    absl::Status status;
    switch (message.kind_case()) {
      case v1::AttachResponse::kDrain:
        drained = true;
        return absl::OkStatus();
      case v1::AttachResponse::kBlob:
        status = holdings.Add(message.blob());
        break;
      case v1::AttachResponse::kForget:
        holdings.Forget(message.forget().dataset());
        break;
      default:
        status = holdings.TakeTables();
        if (status.ok()) status = runner.Handle(message, holdings.inbox(), holdings.tables());
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunWorker(const WorkerOptions& options) {
  if (options.route.remote()) EndWhenTold();
  // All that opens files comes before the cage shuts: CUDA's devices and libraries, what the meter reads, certificates and names.
  if (absl::Status status = UseDevice(options); !status.ok()) return status;
  if (absl::Status status = WarmUp(); !status.ok()) return status;
  MemoryMeter meter;
  const int64_t most = options.sandbox.max_memory_bytes;
  const int64_t memory_bytes = most > 0 ? most : MachineMemoryBytes();
  const absl::Duration deadline = Uptime() + options.attach_timeout;
  const absl::StatusOr<Route> route = FindRoute(options.route, deadline);
  if (!route.ok()) return route.status();
  Sandbox sandbox(options.sandbox);
  if (absl::Status status = sandbox.Enter(); !status.ok()) return status;
  engine::SetThreads(options.threads);
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Connect(*route, deadline);
  if (!channel.ok()) return channel.status();
  if (absl::Status status = sandbox.Seal(); !status.ok()) return status;
  std::fprintf(stderr, "cage: %s\n", sandbox.Describe().c_str());
  const auto stub = v1::WorkerService::NewStub(*channel);
  grpc::ClientContext context;
  const auto stream = stub->Attach(&context);
  Connection connection(*stream);
  meter.Restart();
  const int64_t idle_bytes = meter.Held();
  connection.Send(MakeHello(options, memory_bytes, idle_bytes));

  absl::Status served;
  bool drained = false;
  {
    Heart heart(connection, meter);
    const std::unique_ptr<Runner> runner = MakeRunner(options.lane, connection, meter, idle_bytes);
    served = Serve(connection, *runner, drained);
    if (!served.ok()) context.TryCancel();
    if (!runner->Stop(options.stop_timeout)) std::_Exit(told_to_end ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  if (!served.ok()) return served;
  if (drained || told_to_end) {
    stream->WritesDone();
    context.TryCancel();
    return absl::OkStatus();
  }
  const absl::Status ended = FromGrpcStatus(stream->Finish());
  if (absl::IsUnimplemented(ended)) {
    return absl::FailedPreconditionError(
        absl::StrCat(route->address, " is another port of a daemon, or none of one: want that of its setting workers.listen"));
  }
  if (absl::IsUnavailable(ended))
    return absl::UnavailableError(absl::StrCat("the daemon at ", route->address, " is lost: ", ended.message()));
  return ended.ok() ? absl::UnavailableError("the daemon ended the stream") : ended;
}

}  // namespace sliceflow::worker
