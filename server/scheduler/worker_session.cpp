#include "server/scheduler/worker_session.h"

#include <algorithm>
#include <utility>

#include "common/clock.h"
#include "common/grpc_status.h"

namespace sliceflow::scheduler {
namespace {

using worker::v1::AttachRequest;
using worker::v1::AttachResponse;

// Far above what a worker is sent at once (data sets, a checkpoint, an assignment, acknowledgements of two steps).
constexpr size_t kMaxOutgoing = 256;

}  // namespace

WorkerSession::WorkerSession(grpc::CallbackServerContext* context, SessionHost& host, int64_t max_blob_bytes)
    : host_(host), peer_(PeerOf(*context)), inbox_(max_blob_bytes), context_(context), last_heard_(Uptime()) {
  StartRead(&incoming_);
}

WorkerSession::~WorkerSession() = default;

void WorkerSession::Send(AttachResponse message) {
  absl::MutexLock lock(&mutex_);
  if (closing_) return;
  if (outbox_.size() >= kMaxOutgoing) return BeginClose({grpc::StatusCode::RESOURCE_EXHAUSTED, "the worker reads too slowly"});
  outbox_.Push(std::move(message));
  WriteNext();
}

void WorkerSession::SendBlob(std::string key, std::vector<int64_t> shape, SharedBytes bytes) {
  absl::MutexLock lock(&mutex_);
  if (closing_) return;
  if (outbox_.size() >= kMaxOutgoing) return BeginClose({grpc::StatusCode::RESOURCE_EXHAUSTED, "the worker reads too slowly"});
  outbox_.PushBlob(std::move(key), std::move(shape), std::move(bytes));
  WriteNext();
}

void WorkerSession::Close(grpc::Status status) {
  absl::MutexLock lock(&mutex_);
  BeginClose(std::move(status));
}

void WorkerSession::Cut() {
  absl::MutexLock lock(&mutex_);
  if (context_ != nullptr) context_->TryCancel();
}

absl::Duration WorkerSession::last_heard(absl::Duration now) const {
  absl::MutexLock lock(&mutex_);
  return handling_ ? now : last_heard_;
}

bool WorkerSession::closing() const {
  absl::MutexLock lock(&mutex_);
  return closing_;
}

void WorkerSession::OnReadDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  if (!ok) return BeginClose(grpc::Status::OK);
  last_heard_ = Uptime();
  handling_ = true;
  executor_.Post([this] { HandleMessage(); });
}

void WorkerSession::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok) BeginClose({grpc::StatusCode::UNAVAILABLE, "the stream broke"});
  if (closing_) return FinishWhenIdle();
  WriteNext();
}

void WorkerSession::OnCancel() {
  absl::MutexLock lock(&mutex_);
  BeginClose({grpc::StatusCode::CANCELLED, "the worker went away"});
}

void WorkerSession::OnDone() {
  {
    absl::MutexLock lock(&mutex_);
    context_ = nullptr;
  }
  // The lane lets go on the executor; only then nothing refers to the session any more.
  executor_.Post([this] {
    if (lane_) lane_->Closed();
    host_.Retire(this);
  });
}

void WorkerSession::HandleMessage() {
  const absl::Status status = Dispatch();
  absl::MutexLock lock(&mutex_);
  handling_ = false;
  last_heard_ = Uptime();
  if (!status.ok()) BeginClose(ToGrpcStatus(status));
  // Under the lock: once Finish is called gRPC may be through with the call at any moment.
  if (!closing_) StartRead(&incoming_);
}

absl::Status WorkerSession::Dispatch() {
  if (incoming_.kind_case() == AttachRequest::kHeartbeat) {
    used_bytes_ = std::max<int64_t>(0, incoming_.heartbeat().resident_bytes() - hello_.idle_bytes());
    if (lane_) lane_->Beat(incoming_.heartbeat());
    return absl::OkStatus();
  }
  if (!lane_) {
    if (!incoming_.has_hello()) return absl::FailedPreconditionError("the first message must be Hello");
    hello_ = incoming_.hello();
    if (peer_.remote) SetApart(hello_);
    absl::StatusOr<std::unique_ptr<Lane>> lane = host_.Admit(*this, hello_);
    if (!lane.ok()) return lane.status();
    lane_ = *std::move(lane);
    lane_->Pull();
    return absl::OkStatus();
  }
  if (incoming_.has_goodbye()) {
    lane_->Leave();
    Close(grpc::Status::OK);
    return absl::OkStatus();
  }
  if (incoming_.has_blob()) {
    const worker::v1::Blob& blob = incoming_.blob();
    return inbox_.Add(blob.key(), blob.data(), {blob.shape().begin(), blob.shape().end()});
  }
  absl::Status status = lane_->Handle(incoming_);
  if (status.ok() && (incoming_.has_step_done() || incoming_.has_query_done())) host_.Served(*this);
  return status;
}

void WorkerSession::WriteNext() {
  if (writing_ || closing_ || !outbox_.Next(outgoing_)) return;
  writing_ = true;
  StartWrite(&outgoing_);
}

void WorkerSession::FinishWhenIdle() {
  if (writing_ || finished_) return;
  finished_ = true;
  Finish(status_);
}

void WorkerSession::BeginClose(grpc::Status status) {
  if (closing_) return;
  closing_ = true;
  status_ = std::move(status);
  FinishWhenIdle();
}

}  // namespace sliceflow::scheduler
