#include "server/api/watch_streams.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "common/grpc_status.h"
#include "common/ids.h"
#include "server/api/tensor_chunks.h"

namespace sliceflow::api {
namespace {

constexpr int kBatch = 64;          // events fetched at once: the most a stream holds beside one message
constexpr size_t kSentEvents = 16;  // whose bytes are kept

absl::Status ShuttingDown() {
  return WithRetry(
      WithReason(absl::UnavailableError("the server is shutting down; watch again after the last sequence seen"), "SHUTTING_DOWN"),
      absl::Seconds(2));
}

grpc::ByteBuffer Serialize(const v1::WatchJobResponse& message) {
  const grpc::Slice bytes(message.SerializeAsString());
  return {&bytes, 1};
}

absl::StatusOr<v1::WatchJobRequest> ReadRequest(grpc::ByteBuffer bytes) {
  v1::WatchJobRequest request;
  const grpc::Status status = grpc::SerializationTraits<v1::WatchJobRequest>::Deserialize(&bytes, &request);
  if (!status.ok()) return FromGrpcStatus(status);
  return request;
}

}  // namespace

// Everything but the reactions of gRPC runs on the executor, one thing after the other, so there is nothing to lock.
class WatchStream : public grpc::ServerWriteReactor<grpc::ByteBuffer>, public std::enable_shared_from_this<WatchStream> {
 public:
  // `caller`: who was let in, or why nobody was.
  WatchStream(WatchStreams& streams, absl::StatusOr<Caller> caller, v1::WatchJobRequest request)
      : streams_(streams), caller_(std::move(caller)), request_(std::move(request)) {}
  ~WatchStream() override {
    if (caller_.ok()) streams_.access_.LeaveWatch(caller_->owner);
  }

  void Start() { Post(&WatchStream::Begin); }
  void EndFor(const absl::Status& status) {
    Post([status](WatchStream& stream) { stream.End(status); });
  }
  const absl::StatusOr<Caller>& caller() const { return caller_; }

  void OnWriteDone(bool ok) override {
    Post([ok](WatchStream& stream) {
      stream.writing_ = false;
      if (!ok) return stream.End(absl::CancelledError("the watcher went away"));
      stream.Advance();
    });
  }
  void OnCancel() override {
    Post([](WatchStream& stream) { stream.End(absl::CancelledError("the watcher went away")); });
  }
  void OnDone() override {
    Post([](WatchStream& stream) {
      stream.watch_.reset();
      stream.streams_.Remove(stream.shared_from_this());
    });
  }

 private:
  // What is still to be sent: an event, shared with all who watch the job, or a message of this stream's own.
  struct Pending {
    events::EventPtr event;
    v1::WatchJobResponse message;
  };

  template <typename Work>
  void Post(Work work) {
    streams_.executor_.Post([weak = weak_from_this(), work = std::move(work)] {
      if (const std::shared_ptr<WatchStream> self = weak.lock()) std::invoke(work, *self);
    });
  }

  void Begin() {
    if (!caller_.ok()) return End(caller_.status());
    absl::StatusOr<std::string> id = ParseResourceName("jobs", request_.name(), "name");
    if (!id.ok()) return End(id.status());
    if (request_.sample_limit() < -1) {
      FieldViolations violations;
      violations.Add("sample_limit", absl::StrCat("must be -1 (all), 0 (none) or a number of rows, is ", request_.sample_limit()));
      return End(violations.ToStatus());
    }
    job_id_ = *std::move(id);
    absl::StatusOr<std::unique_ptr<events::Watch>> watch =
        streams_.jobs_.StartWatch(caller_->scope(), job_id_, request_.after_sequence(), request_.include_inner_progress(),
                                  [weak = weak_from_this(), &executor = streams_.executor_] {
                                    executor.Post([weak] {
                                      if (const std::shared_ptr<WatchStream> self = weak.lock()) self->Advance();
                                    });
                                  });
    if (!watch.ok()) return End(watch.status());
    watch_ = *std::move(watch);
    Advance();
  }

  // Writes the next message, if there is one and none is under way.
  void Advance() {
    if (writing_ || ended_ || !watch_) return;
    if (absl::Status status = Prepare(); !status.ok()) return End(std::move(status));
    if (ready_) {
      ready_ = false;
      writing_ = true;
      return StartWrite(&message_);
    }
    if (complete_) End(absl::OkStatus());
  }

  // Puts what comes next into message_ and sets ready_; leaves it unset where there is nothing.
  absl::Status Prepare() {
    if (samples_.has_value()) {
      message_ = samples_->NextIn(v1::WatchJobResponse::kSamplesFieldNumber);
      if (samples_->done()) samples_.reset();
      ready_ = true;
      return absl::OkStatus();
    }
    if (pending_.empty() && !complete_) {
      if (absl::Status status = Fetch(); !status.ok()) return status;
    }
    if (pending_.empty()) return absl::OkStatus();
    const Pending next = std::move(pending_.front());
    pending_.pop_front();
    ready_ = true;
    message_ = next.event ? streams_.BytesOf(next.event) : Serialize(next.message);
    return next.event ? OpenSamples(*next.event) : absl::OkStatus();
  }

  absl::Status Fetch() {
    absl::StatusOr<events::Watch::Batch> batch = watch_->Next(kBatch);
    if (!batch.ok()) return batch.status();
    if (batch->compacted_to.has_value()) {
      pending_.emplace_back().message.mutable_compacted()->set_earliest_sequence(*batch->compacted_to);
      absl::StatusOr<v1::Job> job = streams_.jobs_.Get(caller_->scope(), job_id_);
      if (!job.ok()) return job.status();
      *pending_.emplace_back().message.mutable_snapshot() = *std::move(job);
    }
    for (const events::EventPtr& event : batch->events) pending_.emplace_back().event = event;
    if (batch->progress) pending_.emplace_back().event = batch->progress;
    complete_ = batch->ended;
    return absl::OkStatus();
  }

  absl::Status OpenSamples(const v1::JobEvent& event) {
    if (request_.sample_limit() == 0 || !event.has_step_completed() || event.step_completed().sample_count() == 0) return absl::OkStatus();
    absl::StatusOr<std::shared_ptr<const Tensor>> samples = streams_.jobs_.LoadSamples(job_id_, event.step_completed().report().step());
    if (!samples.ok()) return samples.status();
    samples_.emplace(*std::move(samples), request_.sample_limit());
    return absl::OkStatus();
  }

  void End(absl::Status status) {
    if (ended_) return;
    ended_ = true;
    Finish(ToGrpcStatus(status));
  }

  WatchStreams& streams_;
  const absl::StatusOr<Caller> caller_;
  const v1::WatchJobRequest request_;
  std::string job_id_;
  std::unique_ptr<events::Watch> watch_;
  std::deque<Pending> pending_;
  std::optional<TensorChunks> samples_;
  grpc::ByteBuffer message_;
  bool ready_ = false;
  bool writing_ = false;
  bool complete_ = false;
  bool ended_ = false;
};

WatchStreams::WatchStreams(Access& access, jobs::Jobs& jobs) : access_(access), jobs_(jobs) {
  if (access.asks_for_tokens()) token_checker_ = std::thread([this] { CheckTokens(); });
}

WatchStreams::~WatchStreams() {
  ending_.Notify();
  if (token_checker_.joinable()) token_checker_.join();
}

void WatchStreams::CheckTokens() {
  while (!ending_.WaitForNotificationWithTimeout(kTokenInterval)) {
    const absl::MutexLock lock(&mutex_);
    for (const std::shared_ptr<WatchStream>& stream : streams_) {
      if (!stream->caller().ok()) continue;
      const absl::Status status = access_.Recheck(*stream->caller());
      if (absl::IsUnauthenticated(status)) stream->EndFor(status);
    }
  }
}

grpc::ByteBuffer WatchStreams::BytesOf(const events::EventPtr& event) {
  const auto found = std::find_if(sent_.begin(), sent_.end(), [&](const auto& sent) { return sent.first == event; });
  if (found != sent_.end()) return found->second;
  v1::WatchJobResponse message;
  *message.mutable_event() = *event;
  if (sent_.size() == kSentEvents) sent_.pop_front();
  return sent_.emplace_back(event, Serialize(message)).second;
}

absl::StatusOr<Caller> WatchStreams::Admit(const grpc::CallbackServerContext& context, const v1::WatchJobRequest& request) {
  absl::StatusOr<Call> call = access_.Enter(context, {"JobService.WatchJob", Permission::kRead, request.name()});
  if (!call.ok()) return call.status();
  absl::Status status = access_.EnterWatch(call->caller().owner);
  if (status.ok()) return call->caller();
  call->Refuse(status);
  return status;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchStreams::Open(const grpc::CallbackServerContext& context, const grpc::ByteBuffer& bytes) {
  const absl::StatusOr<v1::WatchJobRequest> request = ReadRequest(bytes);
  absl::StatusOr<Caller> caller = request.ok() ? Admit(context, *request) : request.status();
  auto stream = std::make_shared<WatchStream>(*this, std::move(caller), request.ok() ? *request : v1::WatchJobRequest());
  const absl::MutexLock lock(&mutex_);
  streams_.insert(stream);
  if (shut_down_) {
    stream->EndFor(ShuttingDown());
  } else {
    stream->Start();
  }
  return stream.get();
}

void WatchStreams::Shutdown() {
  const absl::MutexLock lock(&mutex_);
  shut_down_ = true;
  for (const std::shared_ptr<WatchStream>& stream : streams_) stream->EndFor(ShuttingDown());
}

void WatchStreams::Remove(const std::shared_ptr<WatchStream>& stream) {
  const absl::MutexLock lock(&mutex_);
  streams_.erase(stream);
}

}  // namespace sliceflow::api
