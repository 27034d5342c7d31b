#include "client/cpp/client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/channel.h"
#include "client/cpp/deadline.h"
#include "common/grpc_status.h"
#include "common/ids.h"

namespace sliceflow::client {
namespace {

// `call(context)` with a deadline; tried again after UNAVAILABLE when `idempotent`.
template <typename Call>
absl::Status Unary(const ClientOptions& options, bool idempotent, Call call) {
  RetryPolicy policy = options.retry;
  if (!idempotent) policy.max_attempts = 1;
  return WithRetries(policy, options.timeout, [&](absl::Duration deadline) {
    grpc::ClientContext context;
    SetDeadline(context, deadline);
    return FromGrpcStatus(call(&context));
  });
}

template <typename Response>
absl::StatusOr<Response> ResponseOr(const absl::Status& status, Response response) {
  if (!status.ok()) return status;
  return response;
}

// Reads chunks to the end of the stream. A damaged stream is DataLoss.
template <typename Stream>
absl::Status ReadTensor(Stream& stream, grpc::ClientContext& context, int64_t limit, Tensor* tensor) {
  TensorAssembler assembler(limit);
  v1::TensorChunk chunk;
  while (stream.Read(&chunk)) {
    absl::Status added = assembler.Add(chunk);
    if (added.ok()) continue;
    context.TryCancel();
    stream.Finish();
    return absl::DataLossError(added.message());
  }
  absl::Status status = FromGrpcStatus(stream.Finish());
  if (!status.ok()) return status;
  if (!assembler.complete()) return absl::DataLossError("the server's answer ended before the array was complete");
  *tensor = assembler.Take();
  return absl::OkStatus();
}

// The tensor that the stream `open(context)` carries.
template <typename Open>
absl::StatusOr<Tensor> DownloadTensor(const ClientOptions& options, Open open) {
  Tensor tensor;
  absl::Status status = WithRetries(options.retry, options.transfer_timeout, [&](absl::Duration deadline) {
    grpc::ClientContext context;
    SetDeadline(context, deadline);
    auto reader = open(&context);
    return ReadTensor(*reader, context, options.max_tensor_values, &tensor);
  });
  return ResponseOr(status, std::move(tensor));
}

}  // namespace

// A channel without files and without a token is always to be had.
Client::Client(const std::string& server, const ClientOptions& options) : Client(OpenChannel(server, {}).value(), options) {}

Client::Client(const std::shared_ptr<grpc::Channel>& channel, const ClientOptions& options)
    : options_(options),
      jobs_(v1::JobService::NewStub(channel)),
      datasets_(v1::DatasetService::NewStub(channel)),
      server_(v1::ServerService::NewStub(channel)) {}

absl::StatusOr<v1::Job> Client::CreateJob(v1::CreateJobRequest request) {
  if (request.request_id().empty()) request.set_request_id(NewId());
  v1::Job job;
  absl::Status status = Unary(options_, true, [&](grpc::ClientContext* context) { return jobs_->CreateJob(context, request, &job); });
  return ResponseOr(status, std::move(job));
}

absl::StatusOr<v1::Job> Client::GetJob(const v1::GetJobRequest& request) {
  v1::Job job;
  absl::Status status = Unary(options_, true, [&](grpc::ClientContext* context) { return jobs_->GetJob(context, request, &job); });
  return ResponseOr(status, std::move(job));
}

absl::StatusOr<v1::ListJobsResponse> Client::ListJobs(const v1::ListJobsRequest& request) {
  v1::ListJobsResponse response;
  absl::Status status = Unary(options_, true, [&](grpc::ClientContext* context) { return jobs_->ListJobs(context, request, &response); });
  return ResponseOr(status, std::move(response));
}

absl::StatusOr<v1::Job> Client::CancelJob(const v1::CancelJobRequest& request) {
  v1::Job job;
  // Cancelling a cancelled job changes nothing, but with an etag the second attempt would be refused for what the first one did.
  const bool idempotent = request.etag().empty();
  absl::Status status = Unary(options_, idempotent, [&](grpc::ClientContext* context) { return jobs_->CancelJob(context, request, &job); });
  return ResponseOr(status, std::move(job));
}

absl::StatusOr<v1::Job> Client::PauseJob(const v1::PauseJobRequest& request) {
  v1::Job job;
  const bool idempotent = request.etag().empty();
  absl::Status status = Unary(options_, idempotent, [&](grpc::ClientContext* context) { return jobs_->PauseJob(context, request, &job); });
  return ResponseOr(status, std::move(job));
}

absl::StatusOr<v1::ShareJobResponse> Client::ShareJob(const v1::ShareJobRequest& request) {
  v1::ShareJobResponse response;
  absl::Status status =
      Unary(options_, /*idempotent=*/false, [&](grpc::ClientContext* context) { return jobs_->ShareJob(context, request, &response); });
  return ResponseOr(status, std::move(response));
}

absl::StatusOr<v1::UnshareJobResponse> Client::UnshareJob(const v1::UnshareJobRequest& request) {
  v1::UnshareJobResponse response;
  absl::Status status =
      Unary(options_, /*idempotent=*/true, [&](grpc::ClientContext* context) { return jobs_->UnshareJob(context, request, &response); });
  return ResponseOr(status, std::move(response));
}

absl::StatusOr<v1::Job> Client::ResumeJob(const v1::ResumeJobRequest& request) {
  v1::Job job;
  const bool idempotent = request.etag().empty();
  absl::Status status = Unary(options_, idempotent, [&](grpc::ClientContext* context) { return jobs_->ResumeJob(context, request, &job); });
  return ResponseOr(status, std::move(job));
}

absl::StatusOr<v1::Job> Client::DeleteJob(const v1::DeleteJobRequest& request) {
  v1::Job job;
  absl::Status status = Unary(options_, false, [&](grpc::ClientContext* context) { return jobs_->DeleteJob(context, request, &job); });
  return ResponseOr(status, std::move(job));
}

absl::StatusOr<v1::Job> Client::UndeleteJob(const v1::UndeleteJobRequest& request) {
  v1::Job job;
  absl::Status status = Unary(options_, false, [&](grpc::ClientContext* context) { return jobs_->UndeleteJob(context, request, &job); });
  return ResponseOr(status, std::move(job));
}

absl::StatusOr<v1::Job> Client::ForkJob(v1::ForkJobRequest request) {
  if (request.request_id().empty()) request.set_request_id(NewId());
  v1::Job job;
  absl::Status status = Unary(options_, true, [&](grpc::ClientContext* context) { return jobs_->ForkJob(context, request, &job); });
  return ResponseOr(status, std::move(job));
}

absl::StatusOr<WatchEnd> Client::Watch(const std::string& job, const WatchOptions& options,
                                       absl::FunctionRef<absl::Status(const WatchUpdate&)> on_update) {
  return WatchJob(*jobs_, job, options, options_.retry, options_.timeout, options_.max_tensor_values, on_update);
}

absl::StatusOr<Tensor> Client::Sample(const v1::SampleJobRequest& request) {
  return DownloadTensor(options_, [&](grpc::ClientContext* context) { return jobs_->SampleJob(context, request); });
}

absl::StatusOr<std::string> Client::ExportModel(const v1::ExportModelRequest& request, absl::FunctionRef<void(int64_t bytes)> on_progress) {
  std::string file;
  absl::Status status = WithRetries(options_.retry, options_.transfer_timeout, [&](absl::Duration deadline) {
    file.clear();
    grpc::ClientContext context;
    SetDeadline(context, deadline);
    auto reader = jobs_->ExportModel(&context, request);
    v1::ExportModelResponse piece;
    while (reader->Read(&piece)) {
      if (piece.data().size() > static_cast<size_t>(options_.max_file_bytes) - file.size()) {
        context.TryCancel();
        reader->Finish();
        return absl::ResourceExhaustedError(absl::StrCat("the model's file has more than ", options_.max_file_bytes, " bytes"));
      }
      file += piece.data();
      on_progress(static_cast<int64_t>(file.size()));
    }
    return FromGrpcStatus(reader->Finish());
  });
  return ResponseOr(status, std::move(file));
}

absl::StatusOr<v1::ComputeDistanceResponse> Client::ComputeDistance(const v1::ComputeDistanceRequest& request) {
  v1::ComputeDistanceResponse response;
  absl::Status status = WithRetries(options_.retry, options_.transfer_timeout, [&](absl::Duration deadline) {
    grpc::ClientContext context;
    SetDeadline(context, deadline);
    return FromGrpcStatus(jobs_->ComputeDistance(&context, request, &response));
  });
  return ResponseOr(status, std::move(response));
}

absl::StatusOr<Tensor> Client::EvaluateDensity(const std::string& job, std::optional<int32_t> step, const Tensor& points) {
  Tensor tensor;
  absl::Status status = WithRetries(options_.retry, options_.transfer_timeout, [&](absl::Duration deadline) {
    grpc::ClientContext context;
    SetDeadline(context, deadline);
    auto stream = jobs_->EvaluateDensity(&context);
    bool first = true;
    // The server answers after the last point, or closes the stream early; then Finish says why.
    ForEachChunk(points, [&](v1::TensorChunk chunk) {
      v1::EvaluateDensityRequest request;
      if (std::exchange(first, false)) {
        request.set_name(job);
        if (step) request.set_step(*step);
      }
      *request.mutable_points() = std::move(chunk);
      return stream->Write(request) ? absl::OkStatus() : absl::CancelledError();
    }).IgnoreError();
    stream->WritesDone();
    return ReadTensor(*stream, context, options_.max_tensor_values, &tensor);
  });
  return ResponseOr(status, std::move(tensor));
}

absl::StatusOr<v1::Dataset> Client::UploadDataset(const UploadOptions& options) {
  return UploadFile(*datasets_, options, options_.retry, options_.transfer_timeout);
}

absl::StatusOr<v1::Dataset> Client::GetDataset(const v1::GetDatasetRequest& request) {
  v1::Dataset dataset;
  absl::Status status =
      Unary(options_, true, [&](grpc::ClientContext* context) { return datasets_->GetDataset(context, request, &dataset); });
  return ResponseOr(status, std::move(dataset));
}

absl::StatusOr<v1::ListDatasetsResponse> Client::ListDatasets(const v1::ListDatasetsRequest& request) {
  v1::ListDatasetsResponse response;
  absl::Status status =
      Unary(options_, true, [&](grpc::ClientContext* context) { return datasets_->ListDatasets(context, request, &response); });
  return ResponseOr(status, std::move(response));
}

absl::StatusOr<Tensor> Client::SampleDataset(const v1::SampleDatasetRequest& request) {
  return DownloadTensor(options_, [&](grpc::ClientContext* context) { return datasets_->SampleDataset(context, request); });
}

absl::Status Client::DeleteDataset(const v1::DeleteDatasetRequest& request) {
  google::protobuf::Empty empty;
  return Unary(options_, false, [&](grpc::ClientContext* context) { return datasets_->DeleteDataset(context, request, &empty); });
}

absl::StatusOr<v1::ServerInfo> Client::GetServerInfo() {
  v1::ServerInfo info;
  absl::Status status = Unary(
      options_, true, [&](grpc::ClientContext* context) { return server_->GetServerInfo(context, v1::GetServerInfoRequest(), &info); });
  return ResponseOr(status, std::move(info));
}

absl::StatusOr<v1::CheckExpressionResponse> Client::CheckExpression(const v1::CheckExpressionRequest& request) {
  v1::CheckExpressionResponse response;
  absl::Status status =
      Unary(options_, true, [&](grpc::ClientContext* context) { return server_->CheckExpression(context, request, &response); });
  return ResponseOr(status, std::move(response));
}

}  // namespace sliceflow::client
