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

// Reads one message, makes it durable, reads the next: a fast client waits for the disk, not in memory.
class UploadStream final : public grpc::ServerReadReactor<v1::UploadDatasetRequest> {
 public:
  UploadStream(jobs::Datasets& datasets, v1::Dataset* response) : datasets_(datasets), response_(response) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) return End();
    absl::Status status = request_.has_header() ? Begin(request_.header()) : Write(request_.data());
    if (!status.ok()) return Finish(ToGrpcStatus(status));
    StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  absl::Status Begin(const v1::UploadHeader& header) {
    if (upload_) return absl::InvalidArgumentError("a stream has one header, as its first message");
    if (absl::Status status = CheckUploadHeader(header); !status.ok()) return status;
    absl::StatusOr<std::unique_ptr<jobs::Upload>> upload = datasets_.StartUpload(header);
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
    if (!upload_) return Finish(ToGrpcStatus(absl::InvalidArgumentError("the first message of a stream must be the header")));
    absl::StatusOr<v1::Dataset> dataset = upload_->Finish();
    // Given back before the client is answered, so that it can go on at once.
    upload_.reset();
    if (dataset.ok()) *response_ = std::move(*dataset);
    Finish(ToGrpcStatus(dataset.status()));
  }

  jobs::Datasets& datasets_;
  v1::Dataset* const response_;
  v1::UploadDatasetRequest request_;
  std::unique_ptr<jobs::Upload> upload_;
};

}  // namespace

grpc::ServerReadReactor<v1::UploadDatasetRequest>* DatasetServiceImpl::UploadDataset(grpc::CallbackServerContext* /*context*/,
                                                                                     v1::Dataset* response) {
  return new UploadStream(datasets_, response);
}

grpc::ServerUnaryReactor* DatasetServiceImpl::GetUpload(grpc::CallbackServerContext* context, const v1::GetUploadRequest* request,
                                                        v1::Upload* response) {
  if (absl::Status status = CheckSha256("sha256", request->sha256()); !status.ok()) return Reply(context, status);
  const absl::StatusOr<int64_t> offset = datasets_.UploadOffset(request->sha256());
  if (offset.ok()) response->set_offset(*offset);
  return Reply(context, offset.status());
}

grpc::ServerUnaryReactor* DatasetServiceImpl::GetDataset(grpc::CallbackServerContext* context, const v1::GetDatasetRequest* request,
                                                         v1::Dataset* response) {
  const absl::StatusOr<std::string> id = DatasetId(request->name());
  return id.ok() ? Reply(context, datasets_.Get(*id), response) : Reply(context, id.status());
}

grpc::ServerUnaryReactor* DatasetServiceImpl::ListDatasets(grpc::CallbackServerContext* context, const v1::ListDatasetsRequest* request,
                                                           v1::ListDatasetsResponse* response) {
  const absl::StatusOr<int> size = PageSize(request->page_size());
  if (!size.ok()) return Reply(context, size.status());
  std::optional<int64_t> before;
  if (int64_t number = 0; !request->page_token().empty()) {
    if (!absl::SimpleAtoi(request->page_token(), &number)) {
      FieldViolations violations;
      violations.Add("page_token", "is not the next_page_token of a page");
      return Reply(context, violations.ToStatus());
    }
    before = number;
  }
  absl::StatusOr<jobs::Datasets::Page> page = datasets_.List(before, *size);
  if (!page.ok()) return Reply(context, page.status());
  for (v1::Dataset& dataset : page->datasets) *response->add_datasets() = std::move(dataset);
  if (page->next_number.has_value()) response->set_next_page_token(absl::StrCat(*page->next_number));
  return Reply(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* DatasetServiceImpl::DeleteDataset(grpc::CallbackServerContext* context, const v1::DeleteDatasetRequest* request,
                                                            google::protobuf::Empty* /*response*/) {
  const absl::StatusOr<std::string> id = DatasetId(request->name());
  return Reply(context, id.ok() ? datasets_.Delete(*id) : id.status());
}

}  // namespace sliceflow::api
