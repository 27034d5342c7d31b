#include "client/cpp/watch.h"

#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "client/cpp/deadline.h"
#include "common/clock.h"
#include "common/grpc_deadline.h"
#include "common/grpc_status.h"

namespace sliceflow::client {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);

// One connection of a watch. The completion queue is polled on the watching thread, so that a stop needs no thread of its own.
class WatchStream {
 public:
  WatchStream(v1::JobService::Stub& stub, const v1::WatchJobRequest& request, const WatchOptions& options) : options_(options) {
    reader_ = stub.PrepareAsyncWatchJob(&context_, request, &queue_);
    reader_->StartCall(this);
  }

  ~WatchStream() {
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  // Whether the call has started; also false when it failed or was stopped.
  bool Start() { return Wait(); }

  bool Read(v1::WatchJobResponse* response) {
    reader_->Read(response, this);
    return Wait();
  }

  absl::Status Finish() {
    if (stopped()) context_.TryCancel();
    grpc::Status status;
    reader_->Finish(&status, this);
    Wait();
    return FromGrpcStatus(status);
  }

  void Cancel() { context_.TryCancel(); }

 private:
  bool stopped() const { return options_.stop != nullptr && options_.stop->triggered(); }

  // Waits for the operation that was begun. A stop cancels the call, which completes the operation.
  bool Wait() {
    for (;;) {
      void* tag;
      bool ok = false;
      switch (queue_.AsyncNext(&tag, &ok, WithinTime(kTick))) {
        case grpc::CompletionQueue::GOT_EVENT:
          return ok;
        case grpc::CompletionQueue::SHUTDOWN:
          return false;
        case grpc::CompletionQueue::TIMEOUT:
          break;
      }
      if (stopped()) context_.TryCancel();
      if (options_.on_idle) options_.on_idle();
    }
  }

  const WatchOptions& options_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReader<v1::WatchJobResponse>> reader_;
};

class Watcher {
 public:
  Watcher(v1::JobService::Stub& stub, const std::string& job, const WatchOptions& options, const RetryPolicy& retry, absl::Duration timeout,
          int64_t max_tensor_values, absl::FunctionRef<absl::Status(const WatchUpdate&)> on_update)
      : stub_(stub),
        job_(job),
        options_(options),
        back_off_(retry),
        timeout_(timeout),
        max_tensor_values_(max_tensor_values),
        on_update_(on_update),
        assembler_(max_tensor_values),
        give_up_(Uptime() + options.patience) {
    end_.last_sequence = options.after_sequence;
  }

  absl::StatusOr<WatchEnd> Run() {
    for (;;) {
      absl::Status status = ReadStream();
      if (!callback_error_.ok()) return callback_error_;
      if (IsFinal(end_.state)) return end_;
      if (status.ok()) status = LookAtJob();
      if (IsFinal(end_.state)) return end_;
      if (stopped()) {
        end_.stopped = true;
        return end_;
      }
      if (!absl::IsUnavailable(status) && !absl::IsCancelled(status)) return status;
      if (IsHandshakeFailure(status)) return status;
      if (absl::Status paused = Pause(status); !paused.ok()) return paused;
    }
  }

 private:
  bool stopped() const { return options_.stop != nullptr && options_.stop->triggered(); }

  absl::Status ReadStream() {
    pending_.reset();
    v1::WatchJobRequest request;
    request.set_name(job_);
    request.set_after_sequence(end_.last_sequence);
    request.set_sample_limit(options_.sample_limit);
    request.set_include_inner_progress(options_.include_inner_progress);
    WatchStream stream(stub_, request, options_);
    if (stream.Start()) {
      v1::WatchJobResponse response;
      while (!stopped() && stream.Read(&response)) {
        give_up_ = Uptime() + options_.patience;
        back_off_.Reset();
        absl::Status status = Receive(std::move(response));
        if (!status.ok()) {
          stream.Cancel();
          stream.Finish().IgnoreError();
          return status;
        }
        response.Clear();
      }
    }
    absl::Status status = stream.Finish();
    // A stream that ends well has sent all the samples that it has.
    if (status.ok()) return Deliver();
    return status;
  }

  absl::Status Receive(v1::WatchJobResponse response) {
    if (response.kind_case() == v1::WatchJobResponse::kSamples) return AddSamples(response.samples());
    if (absl::Status status = Deliver(); !status.ok()) return status;
    pending_.emplace();
    pending_->response = std::move(response);
    const v1::JobEvent& event = pending_->response.event();
    const bool samples_follow = options_.sample_limit != 0 && event.step_completed().sample_count() > 0;
    if (samples_follow) {
      assembler_ = TensorAssembler(max_tensor_values_);
      return absl::OkStatus();
    }
    return Deliver();
  }

  absl::Status AddSamples(const v1::TensorChunk& chunk) {
    if (!pending_) return absl::OkStatus();  // of an event that was handed over before
    if (absl::Status status = assembler_.Add(chunk); !status.ok()) return absl::DataLossError(status.message());
    if (!assembler_.complete()) return absl::OkStatus();
    pending_->samples = assembler_.Take();
    return Deliver();
  }

  // Hands the pending update over, unless it is of an event seen before.
  absl::Status Deliver() {
    if (!pending_) return absl::OkStatus();
    const WatchUpdate update = std::move(*pending_);
    pending_.reset();
    const v1::JobEvent& event = update.response.event();
    if (event.sequence() > 0 && event.sequence() <= end_.last_sequence) return absl::OkStatus();
    callback_error_ = on_update_(update);
    if (!callback_error_.ok()) return callback_error_;
    if (event.sequence() > 0) end_.last_sequence = event.sequence();
    if (update.response.has_compacted())
      end_.last_sequence = std::max(end_.last_sequence, update.response.compacted().earliest_sequence() - 1);
    if (event.has_state_changed() && IsFinal(event.state_changed().state())) end_.state = event.state_changed().state();
    return absl::OkStatus();
  }

  // A stream that ended well without a final event: the job ended before `after_sequence`, or the server is going down.
  absl::Status LookAtJob() {
    if (stopped()) return absl::OkStatus();
    grpc::ClientContext context;
    SetDeadline(context, Uptime() + timeout_);
    v1::GetJobRequest request;
    request.set_name(job_);
    v1::Job job;
    absl::Status status = FromGrpcStatus(stub_.GetJob(&context, request, &job));
    if (!status.ok()) return status;
    if (IsFinal(job.state()) && job.progress().last_sequence() <= end_.last_sequence) end_.state = job.state();
    return absl::UnavailableError("the server ended the stream before the job ended");
  }

  absl::Status Pause(const absl::Status& reason) {
    const absl::Duration pause = back_off_.Next(reason);
    const absl::Duration until = Uptime() + pause;
    if (until >= give_up_) return absl::UnavailableError(reason.message());
    if (options_.on_lost) options_.on_lost(reason, pause);
    while (Uptime() < until && !stopped()) {
      absl::SleepFor(std::min(kTick, until - Uptime()));
      if (options_.on_idle) options_.on_idle();
    }
    return absl::OkStatus();
  }

  v1::JobService::Stub& stub_;
  const std::string job_;
  const WatchOptions& options_;
  BackOff back_off_;
  const absl::Duration timeout_;
  const int64_t max_tensor_values_;
  absl::FunctionRef<absl::Status(const WatchUpdate&)> on_update_;
  std::optional<WatchUpdate> pending_;
  TensorAssembler assembler_;
  absl::Status callback_error_;
  absl::Duration give_up_;  // of Uptime
  WatchEnd end_;
};

}  // namespace

bool IsFinal(v1::Job::State state) { return state == v1::Job::SUCCEEDED || state == v1::Job::FAILED || state == v1::Job::CANCELLED; }

absl::StatusOr<WatchEnd> WatchJob(v1::JobService::Stub& stub, const std::string& job, const WatchOptions& options, const RetryPolicy& retry,
                                  absl::Duration timeout, int64_t max_tensor_values,
                                  absl::FunctionRef<absl::Status(const WatchUpdate&)> on_update) {
  return Watcher(stub, job, options, retry, timeout, max_tensor_values, on_update).Run();
}

}  // namespace sliceflow::client
