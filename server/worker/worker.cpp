#include "server/worker/worker.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/grpc_status.h"
#include "server/engine/flow.h"
#include "server/worker/connection.h"
#include "server/worker/flow_runner.h"
#include "server/worker/query_runner.h"

namespace sliceflow::worker {
namespace {

constexpr absl::Duration kHeartbeatInterval = absl::Seconds(1);
// Data sets and checkpoints that the daemon sends; it keeps to less.
constexpr int64_t kMaxBlobBytes = int64_t{4} << 30;
constexpr int kMaxMessageBytes = 16 << 20;

// Beats until it is destroyed.
class Heart {
 public:
  explicit Heart(Connection& connection) : thread_([this, &connection] { Beat(connection); }) {}
  ~Heart() {
    stop_.Notify();
    thread_.join();
  }

 private:
  void Beat(Connection& connection) {
    v1::AttachRequest message;
    message.mutable_heartbeat();
    while (!stop_.WaitForNotificationWithTimeout(kHeartbeatInterval)) connection.Send(message);
  }

  absl::Notification stop_;
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

std::unique_ptr<Runner> MakeRunner(v1::Lane lane, Connection& connection) {
  if (lane == v1::LANE_QUERY) return std::make_unique<QueryRunner>(connection);
  return std::make_unique<FlowRunner>(connection);
}

v1::AttachRequest MakeHello(const WorkerOptions& options) {
  v1::AttachRequest message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_worker_id(options.worker_id);
  hello.set_version(options.version);
  hello.set_device(options.device);
  hello.set_lane(options.lane);
  hello.set_threads(options.threads);
  hello.set_pid(getpid());
  return message;
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
  engine::SetThreads(options.threads);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  const std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(absl::ToChronoTime(absl::Now() + options.attach_timeout))) {
    return absl::UnavailableError(absl::StrCat("nothing answers at ", options.address));
  }
  const auto stub = v1::WorkerService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Attach(&context);
  Connection connection(*stream);
  connection.Send(MakeHello(options));

  absl::Status served;
  bool drained = false;
  {
    Heart heart(connection);
    const std::unique_ptr<Runner> runner = MakeRunner(options.lane, connection);
    served = Serve(connection, *runner, drained);
    if (!served.ok()) context.TryCancel();
    if (!runner->Stop(absl::Now() + options.stop_timeout)) std::_Exit(EXIT_FAILURE);
  }
  if (!served.ok()) return served;
  if (drained) {
    stream->WritesDone();
    context.TryCancel();
    return absl::OkStatus();
  }
  const absl::Status ended = FromGrpcStatus(stream->Finish());
  return ended.ok() ? absl::UnavailableError("the daemon ended the stream") : ended;
}

}  // namespace sliceflow::worker
