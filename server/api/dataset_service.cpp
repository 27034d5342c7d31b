#include "server/api/dataset_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/ids.h"
#include "common/tensor.h"
#include "server/api/gate/gate.h"
#include "server/api/list_jobs.h"
#include "server/api/reply.h"

namespace sliceflow::api {
namespace {

absl::StatusOr<std::string> DatasetId(const std::string& name) { return ParseResourceName("datasets", name, "name"); }

// The data set that a request names: an admin may name another owner's, and for others only their own exists.
template <typename Request>
absl::StatusOr<jobs::DatasetKey> KeyOf(const Caller& caller, const Request& request) {
  absl::StatusOr<std::string> id = DatasetId(request.name());
  if (!id.ok()) return id.status();
  return jobs::DatasetKey{request.owner().empty() ? caller.owner : request.owner(), *std::move(id)};
}

// Reads one message, makes it durable, reads the next: a fast client waits for the disk, not in memory.
class UploadStream final : public grpc::ServerReadReactor<v1::UploadDatasetRequest> {
 public:
  UploadStream(absl::StatusOr<Call> call, Access& access, jobs::Datasets& datasets, v1::Dataset* response)
      : call_(std::move(call)), access_(access), datasets_(datasets), response_(response) {
    if (!call_.ok()) {
      Finish(ToGrpcStatus(call_.status()));
      return;
    }
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End();
    absl::Status status = access_.Recheck(call_->caller());
    if (status.ok()) status = request_.has_header() ? Begin(request_.header()) : Write(request_.data());
    if (!status.ok()) return EndWith(status);
    StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  absl::Status Begin(const v1::UploadHeader& header) {
    if (upload_) return absl::InvalidArgumentError("a stream has one header, as its first message");
    if (absl::Status status = CheckUploadHeader(header); !status.ok()) return status;
    absl::StatusOr<std::unique_ptr<jobs::Upload>> upload = datasets_.StartUpload(call_->caller().owner, header);
    if (!upload.ok()) return upload.status();
    upload_ = *std::move(upload);
    return absl::OkStatus();
  }

  absl::Status Write(const std::string& data) {
    if (!upload_) return absl::InvalidArgumentError("the first message of a stream must be the header");
    if (static_cast<int64_t>(data.size()) > kMaxChunkBytes) {
      return absl::InvalidArgumentError(absl::StrCat("data: must have at most ", kMaxChunkBytes, " bytes a message, has ", data.size()));
    }
    return upload_->Write(data);
  }

  void End() {
    if (!upload_) return EndWith(absl::InvalidArgumentError("the first message of a stream must be the header"));
    absl::StatusOr<v1::Dataset> dataset = upload_->Finish();
    // Given back before the client is answered, so that it can go on at once.
    upload_.reset();
    if (dataset.ok()) {
      call_->Name(dataset->name());
      *response_ = std::move(*dataset);
    }
    EndWith(dataset.status());
  }

  void EndWith(const absl::Status& status) {
    call_->End(status);
    Finish(ToGrpcStatus(status));
  }

  absl::StatusOr<Call> call_;
  Access& access_;
  jobs::Datasets& datasets_;
  v1::Dataset* const response_;
  v1::UploadDatasetRequest request_;
  std::unique_ptr<jobs::Upload> upload_;
};

absl::Status CheckRowCount(const Limits& limits, int64_t count) {
  FieldViolations violations;
  if (count > limits.max_samples) {
    violations.Add("count", absl::StrCat("must be at most ", limits.max_samples, " on this server, is ", count));
    return violations.ToStatus(absl::StatusCode::kResourceExhausted);
  }
  if (count < 1) violations.Add("count", absl::StrCat("must be at least 1, is ", count));
  return violations.ToStatus();
}

absl::StatusOr<jobs::DatasetRows> OpenRows(const absl::StatusOr<Call>& call, jobs::Datasets& datasets, const Limits& limits,
                                           const v1::SampleDatasetRequest& request) {
  if (!call.ok()) return call.status();
  const absl::StatusOr<jobs::DatasetKey> key = KeyOf(call->caller(), request);
  if (!key.ok()) return key.status();
  if (absl::Status status = CheckRowCount(limits, request.count()); !status.ok()) return status;
  return datasets.OpenRows(call->caller().scope(), *key, request.count());
}

// Reads a chunk once the one before it was taken, so a slow client costs a chunk.
class RowStream final : public grpc::ServerWriteReactor<v1::TensorChunk> {
 public:
  explicit RowStream(absl::StatusOr<jobs::DatasetRows> rows) : rows_(std::move(rows)) { WriteNext(); }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(ToGrpcStatus(absl::CancelledError("the client went away")));
    WriteNext();
  }
  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    if (!rows_.ok()) return Finish(ToGrpcStatus(rows_.status()));
    if (rows_->done()) return Finish(grpc::Status::OK);
    absl::StatusOr<v1::TensorChunk> chunk = rows_->Next();
    if (!chunk.ok()) return Finish(ToGrpcStatus(chunk.status()));
    chunk_ = *std::move(chunk);
    StartWrite(&chunk_);
  }

  absl::StatusOr<jobs::DatasetRows> rows_;
  v1::TensorChunk chunk_;
};

}  // namespace

grpc::ServerReadReactor<v1::UploadDatasetRequest>* DatasetServiceImpl::UploadDataset(grpc::CallbackServerContext* context,
                                                                                     v1::Dataset* response) {
  return new UploadStream(access_.Enter(*context, {"DatasetService.UploadDataset", Permission::kWrite}), access_, datasets_, response);
}

grpc::ServerUnaryReactor* DatasetServiceImpl::GetUpload(grpc::CallbackServerContext* context, const v1::GetUploadRequest* request,
                                                        v1::Upload* response) {
  const auto get = [&](const Caller& caller) -> absl::StatusOr<v1::Upload> {
    if (absl::Status status = CheckSha256("sha256", request->sha256()); !status.ok()) return status;
    const absl::StatusOr<int64_t> offset = datasets_.UploadOffset(caller.owner, request->sha256());
    if (!offset.ok()) return offset.status();
    v1::Upload upload;
    upload.set_offset(*offset);
    return upload;
  };
  return Serve(access_, context, {"DatasetService.GetUpload"}, response, get);
}

grpc::ServerUnaryReactor* DatasetServiceImpl::GetDataset(grpc::CallbackServerContext* context, const v1::GetDatasetRequest* request,
                                                         v1::Dataset* response) {
  const auto get = [&](const Caller& caller) -> absl::StatusOr<v1::Dataset> {
    const absl::StatusOr<jobs::DatasetKey> key = KeyOf(caller, *request);
    if (!key.ok()) return key.status();
    return datasets_.Get(caller.scope(), *key);
  };
  return Serve(access_, context, {"DatasetService.GetDataset", Permission::kRead, request->name()}, response, get);
}

grpc::ServerUnaryReactor* DatasetServiceImpl::ListDatasets(grpc::CallbackServerContext* context, const v1::ListDatasetsRequest* request,
                                                           v1::ListDatasetsResponse* response) {
  const auto list = [&](const Caller& caller) -> absl::StatusOr<v1::ListDatasetsResponse> {
    const absl::StatusOr<int> size = PageSize(request->page_size());
    if (!size.ok()) return size.status();
    std::optional<int64_t> before;
    if (int64_t number = 0; !request->page_token().empty()) {
      if (!absl::SimpleAtoi(request->page_token(), &number)) {
        FieldViolations violations;
        violations.Add("page_token", "is not the next_page_token of a page");
        return violations.ToStatus();
      }
      before = number;
    }
    absl::StatusOr<jobs::Datasets::Page> page = datasets_.List(caller.scope(), before, *size);
    if (!page.ok()) return page.status();
    v1::ListDatasetsResponse answer;
    for (v1::Dataset& dataset : page->datasets) *answer.add_datasets() = std::move(dataset);
    if (page->next_number.has_value()) answer.set_next_page_token(absl::StrCat(*page->next_number));
    return answer;
  };
  return Serve(access_, context, {"DatasetService.ListDatasets"}, response, list);
}

grpc::ServerWriteReactor<v1::TensorChunk>* DatasetServiceImpl::SampleDataset(grpc::CallbackServerContext* context,
                                                                             const v1::SampleDatasetRequest* request) {
  const absl::StatusOr<Call> call = access_.Enter(*context, {"DatasetService.SampleDataset", Permission::kRead, request->name()});
  return new RowStream(OpenRows(call, datasets_, limits_, *request));
}

grpc::ServerUnaryReactor* DatasetServiceImpl::DeleteDataset(grpc::CallbackServerContext* context, const v1::DeleteDatasetRequest* request,
                                                            google::protobuf::Empty* response) {
  const auto remove = [&](const Caller& caller) -> absl::StatusOr<google::protobuf::Empty> {
    const absl::StatusOr<jobs::DatasetKey> key = KeyOf(caller, *request);
    if (!key.ok()) return key.status();
    if (absl::Status status = datasets_.Delete(caller.scope(), *key); !status.ok()) return status;
    return google::protobuf::Empty();
  };
  return Serve(access_, context, {"DatasetService.DeleteDataset", Permission::kWrite, request->name()}, response, remove);
}

}  // namespace sliceflow::api
