#include "server/api/query_streams.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "common/ids.h"
#include "server/api/question.h"
#include "server/api/tensor_chunks.h"

namespace sliceflow::api {
namespace {

absl::StatusOr<int64_t> DimensionOf(jobs::Jobs& jobs, const jobs::Scope& scope, const std::string& id) {
  const absl::StatusOr<v1::Job> job = jobs.Get(scope, id);
  if (!job.ok()) return job.status();
  return job->spec().dimension();
}

class AnsweredTensor : public TensorChunks {
 public:
  using Message = v1::TensorChunk;
  explicit AnsweredTensor(scheduler::Answer answer) : TensorChunks(std::make_shared<const Tensor>(std::move(answer.tensor)), -1) {}
};

class AnsweredFile {
 public:
  using Message = v1::ExportModelResponse;
  explicit AnsweredFile(scheduler::Answer answer) : bytes_(std::move(answer.file)) {}

  bool done() const { return offset_ == bytes_.size(); }
  Message Next() {
    Message message;
    message.set_data(bytes_.substr(offset_, kMaxChunkBytes));
    offset_ += message.data().size();
    return message;
  }

 private:
  const std::string bytes_;
  size_t offset_ = 0;
};

// What all streams do with their answer, which `Chunks` cuts into messages. The scheduler answers exactly once and only then is the stream
// finished, so the stream outlives the question; the question is shared because setting its cancellation may come after the answer.
template <typename Reactor, typename Chunks>
class AnswerStream : public Reactor {
 public:
  void OnCancel() override { question_->Cancel(); }
  void OnDone() override { delete this; }
  void OnWriteDone(bool ok) override {
    if (!ok) return this->Finish(ToGrpcStatus(absl::CancelledError("the client went away")));
    WriteNext();
  }

 protected:
  void Ask(scheduler::Scheduler& scheduler, scheduler::Query query) {
    const std::shared_ptr<Question> question = question_;
    question->SetCancel(scheduler.Ask(std::move(query), [this](absl::StatusOr<scheduler::Answer> answer) { Answer(std::move(answer)); }));
  }

 private:
  void Answer(absl::StatusOr<scheduler::Answer> answer) {
    if (!answer.ok()) return this->Finish(ToGrpcStatus(answer.status()));
    chunks_.emplace(*std::move(answer));
    WriteNext();
  }

  void WriteNext() {
    if (chunks_->done()) return this->Finish(grpc::Status::OK);
    chunk_ = chunks_->Next();
    this->StartWrite(&chunk_);
  }

  const std::shared_ptr<Question> question_ = std::make_shared<Question>();
  std::optional<Chunks> chunks_;
  typename Chunks::Message chunk_;
};

class SampleStream final : public AnswerStream<grpc::ServerWriteReactor<v1::TensorChunk>, AnsweredTensor> {
 public:
  SampleStream(const absl::StatusOr<Call>& call, jobs::Jobs& jobs, scheduler::Scheduler& scheduler, const Limits& limits,
               const v1::SampleJobRequest& request) {
    const absl::StatusOr<std::string> id = ParseResourceName("jobs", request.name(), "name");
    absl::Status status = call.status();
    if (status.ok()) status = id.ok() ? Check(limits, request) : id.status();
    if (status.ok()) status = CheckValues(jobs, call->caller().scope(), *id, limits, request.count());
    if (!status.ok()) {
      Finish(ToGrpcStatus(status));
      return;
    }
    scheduler::Query query{.job_id = *id, .owner = call->caller().owner};
    if (request.has_step()) query.step = request.step();
    query.draw = {.count = request.count(), .seed = request.seed()};
    Ask(scheduler, std::move(query));
  }

 private:
  static absl::Status Check(const Limits& limits, const v1::SampleJobRequest& request) {
    FieldViolations violations;
    if (request.count() > limits.max_samples) {
      violations.Add("count", absl::StrCat("must be at most ", limits.max_samples, " on this server, is ", request.count()));
      return violations.ToStatus(absl::StatusCode::kResourceExhausted);
    }
    if (request.count() < 1) violations.Add("count", absl::StrCat("must be at least 1, is ", request.count()));
    if (request.has_step() && request.step() < 0) violations.Add("step", absl::StrCat("must be at least 0, is ", request.step()));
    return violations.ToStatus();
  }

  static absl::Status CheckValues(jobs::Jobs& jobs, const jobs::Scope& scope, const std::string& id, const Limits& limits, int64_t count) {
    const absl::StatusOr<int64_t> dimension = DimensionOf(jobs, scope, id);
    if (!dimension.ok()) return dimension.status();
    FieldViolations violations;
    if (const int64_t most = limits.max_sample_values / *dimension; count > most) {
      violations.Add("count", absl::StrCat("must be at most ", most, " in dimension ", *dimension, " on this server, is ", count));
    }
    return violations.ToStatus(absl::StatusCode::kResourceExhausted);
  }
};

class ExportStream final : public AnswerStream<grpc::ServerWriteReactor<v1::ExportModelResponse>, AnsweredFile> {
 public:
  ExportStream(const absl::StatusOr<Call>& call, jobs::Jobs& jobs, scheduler::Scheduler& scheduler, const v1::ExportModelRequest& request) {
    const absl::StatusOr<std::string> id = ParseResourceName("jobs", request.name(), "name");
    absl::Status status = call.status();
    if (status.ok()) status = id.ok() ? Check(request) : id.status();
    if (status.ok()) status = jobs.Get(call->caller().scope(), *id).status();
    if (!status.ok()) {
      Finish(ToGrpcStatus(status));
      return;
    }
    scheduler::Query query{.job_id = *id, .owner = call->caller().owner};
    if (request.has_step()) query.step = request.step();
    const bool unset = request.format() == v1::ExportModelRequest::FORMAT_UNSPECIFIED;
    query.format = unset ? v1::ExportModelRequest::TORCH_SCRIPT : request.format();
    Ask(scheduler, std::move(query));
  }

 private:
  static absl::Status Check(const v1::ExportModelRequest& request) {
    FieldViolations violations;
    if (request.has_step() && request.step() < 0) violations.Add("step", absl::StrCat("must be at least 0, is ", request.step()));
    if (!v1::ExportModelRequest::Format_IsValid(request.format())) {
      violations.Add("format", absl::StrCat("must be TORCH_SCRIPT or SAFETENSORS, is ", static_cast<int>(request.format())));
    }
    return violations.ToStatus();
  }
};

class DensityStream final : public AnswerStream<grpc::ServerBidiReactor<v1::EvaluateDensityRequest, v1::TensorChunk>, AnsweredTensor> {
 public:
  DensityStream(const absl::StatusOr<Call>& call, jobs::Jobs& jobs, scheduler::Scheduler& scheduler, const Limits& limits)
      : jobs_(jobs), scheduler_(scheduler), max_samples_(limits.max_samples), points_(limits.max_sample_values) {
    if (!call.ok()) {
      Finish(ToGrpcStatus(call.status()));
      return;
    }
    scope_ = call->caller().scope();
    query_.owner = call->caller().owner;
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(ToGrpcStatus(EndedEarly()));
    if (!named_) {
      if (absl::Status status = ReadName(); !status.ok()) return Finish(ToGrpcStatus(status));
    }
    if (absl::Status status = points_.Add(request_.points()); !status.ok()) {
      FieldViolations violations;
      violations.Add("points", std::string(status.message()));
      return Finish(ToGrpcStatus(violations.ToStatus()));
    }
    if (!points_.complete()) return StartRead(&request_);
    query_.points = points_.Take();
    if (absl::Status status = CheckPoints(); !status.ok()) return Finish(ToGrpcStatus(status));
    Ask(scheduler_, std::move(query_));
  }

 private:
  absl::Status EndedEarly() const {
    FieldViolations violations;
    violations.Add("points", named_ ? "must end with a chunk whose `last` is true; the stream ended before one"
                                    : "must be sent; the stream was empty");
    return violations.ToStatus();
  }

  absl::Status ReadName() {
    absl::StatusOr<std::string> id = ParseResourceName("jobs", request_.name(), "name");
    if (!id.ok()) return id.status();
    named_ = true;
    query_.job_id = *std::move(id);
    if (request_.has_step()) query_.step = request_.step();
    return absl::OkStatus();
  }

  absl::Status CheckPoints() const {
    FieldViolations violations;
    const int64_t count = query_.points->rows();
    if (query_.points->shape.size() != 2 || count < 1 || query_.points->shape[1] < 1) {
      violations.Add("points", absl::StrCat("must have the shape [count, dimension], with at least one point, have [",
                                            absl::StrJoin(query_.points->shape, ", "), "]"));
      return violations.ToStatus();
    }
    const absl::StatusOr<int64_t> dimension = DimensionOf(jobs_, *scope_, query_.job_id);
    if (!dimension.ok()) return dimension.status();
    if (query_.points->shape[1] != *dimension) {
      violations.Add("points",
                     absl::StrCat("must have ", *dimension, " columns, the dimension of the job; have ", query_.points->shape[1]));
      return violations.ToStatus();
    }
    if (count > max_samples_) violations.Add("points", absl::StrCat("must be at most ", max_samples_, " on this server, are ", count));
    return violations.ToStatus(absl::StatusCode::kResourceExhausted);
  }

  jobs::Jobs& jobs_;
  scheduler::Scheduler& scheduler_;
  std::optional<jobs::Scope> scope_;
  const int64_t max_samples_;
  TensorAssembler points_;
  scheduler::Query query_;
  v1::EvaluateDensityRequest request_;
  bool named_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::TensorChunk>* OpenSampleStream(const absl::StatusOr<Call>& call, jobs::Jobs& jobs,
                                                            scheduler::Scheduler& scheduler, const Limits& limits,
                                                            const v1::SampleJobRequest& request) {
  return new SampleStream(call, jobs, scheduler, limits, request);
}

grpc::ServerWriteReactor<v1::ExportModelResponse>* OpenExportStream(const absl::StatusOr<Call>& call, jobs::Jobs& jobs,
                                                                    scheduler::Scheduler& scheduler,
                                                                    const v1::ExportModelRequest& request) {
  return new ExportStream(call, jobs, scheduler, request);
}

grpc::ServerBidiReactor<v1::EvaluateDensityRequest, v1::TensorChunk>* OpenDensityStream(const absl::StatusOr<Call>& call, jobs::Jobs& jobs,
                                                                                        scheduler::Scheduler& scheduler,
                                                                                        const Limits& limits) {
  return new DensityStream(call, jobs, scheduler, limits);
}

}  // namespace sliceflow::api
