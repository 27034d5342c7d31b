// A client of sliceflowd. Thin: it moves messages and files, and leaves all checking to the server.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/retry.h"
#include "client/cpp/upload.h"
#include "client/cpp/watch.h"
#include "common/tensor.h"
#include "sliceflow/v1/dataset_service.grpc.pb.h"
#include "sliceflow/v1/job_service.grpc.pb.h"
#include "sliceflow/v1/server_service.grpc.pb.h"

namespace sliceflow::client {

struct ClientOptions {
  // Deadline of a call that answers with one message; attempts and pauses between them count.
  absl::Duration timeout = absl::Seconds(30);
  // Deadline of a call that moves a table or samples.
  absl::Duration transfer_timeout = absl::Minutes(10);
  RetryPolicy retry;
  // Most float32 values that one answer may carry.
  int64_t max_tensor_values = int64_t{1} << 30;
  // Most bytes of a file that an answer may carry.
  int64_t max_file_bytes = int64_t{4} << 30;
};

// Thread-safe: each call is on its own. Every error is the server's status with its details (common/errors.h reads them), or UNAVAILABLE /
// DEADLINE_EXCEEDED without an ErrorInfo when the server could not be reached. Calls that change nothing twice are tried again after
// UNAVAILABLE; the others are sent once. Connecting is tried up to the call's deadline, a few seconds where nothing listens.
class Client {
 public:
  // `server`: `host:port` or another gRPC target, in the clear and without a token. Does not connect yet.
  explicit Client(const std::string& server, const ClientOptions& options = {});
  // `channel`: of OpenChannel (client/cpp/channel.h), which takes certificates and a token.
  explicit Client(const std::shared_ptr<grpc::Channel>& channel, const ClientOptions& options = {});

  // Gives the request a request_id when it has none, so that another attempt cannot make a second job.
  absl::StatusOr<v1::Job> CreateJob(v1::CreateJobRequest request);
  absl::StatusOr<v1::Job> GetJob(const v1::GetJobRequest& request);
  // One page.
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request);
  absl::StatusOr<v1::Job> CancelJob(const v1::CancelJobRequest& request);
  absl::StatusOr<v1::Job> PauseJob(const v1::PauseJobRequest& request);
  absl::StatusOr<v1::Job> ResumeJob(const v1::ResumeJobRequest& request);
  absl::StatusOr<v1::Job> DeleteJob(const v1::DeleteJobRequest& request);
  absl::StatusOr<v1::Job> UndeleteJob(const v1::UndeleteJobRequest& request);
  // As CreateJob.
  absl::StatusOr<v1::Job> ForkJob(v1::ForkJobRequest request);

  // Not tried again: each call makes a link.
  absl::StatusOr<v1::ShareJobResponse> ShareJob(const v1::ShareJobRequest& request);
  absl::StatusOr<v1::UnshareJobResponse> UnshareJob(const v1::UnshareJobRequest& request);

  // Follows a job to its end, through lost connections; see client/cpp/watch.h.
  absl::StatusOr<WatchEnd> Watch(const std::string& job, const WatchOptions& options,
                                 absl::FunctionRef<absl::Status(const WatchUpdate&)> on_update);

  // Shape [count, dimension].
  absl::StatusOr<Tensor> Sample(const v1::SampleJobRequest& request);
  // log ρ at `points` of shape [count, dimension]; shape [count]. `step`: the newest kept one when not given.
  absl::StatusOr<Tensor> EvaluateDensity(const std::string& job, std::optional<int32_t> step, const Tensor& points);

  // The bytes of the file. `on_progress` is told how many have come, after each piece; from 0 again with another attempt.
  absl::StatusOr<std::string> ExportModel(const v1::ExportModelRequest& request, absl::FunctionRef<void(int64_t bytes)> on_progress);

  // Waits as long as for a table: the server computes.
  absl::StatusOr<v1::ComputeDistanceResponse> ComputeDistance(const v1::ComputeDistanceRequest& request);

  // Sends a file, going on where an upload of the same bytes broke off; see client/cpp/upload.h.
  absl::StatusOr<v1::Dataset> UploadDataset(const UploadOptions& options);
  absl::StatusOr<v1::Dataset> GetDataset(const v1::GetDatasetRequest& request);
  absl::StatusOr<v1::ListDatasetsResponse> ListDatasets(const v1::ListDatasetsRequest& request);
  // Evenly spread rows, all where there are no more; shape [n, columns].
  absl::StatusOr<Tensor> SampleDataset(const v1::SampleDatasetRequest& request);
  absl::Status DeleteDataset(const v1::DeleteDatasetRequest& request);

  absl::StatusOr<v1::ServerInfo> GetServerInfo();
  absl::StatusOr<v1::CheckExpressionResponse> CheckExpression(const v1::CheckExpressionRequest& request);

 private:
  ClientOptions options_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::DatasetService::Stub> datasets_;
  std::unique_ptr<v1::ServerService::Stub> server_;
};

}  // namespace sliceflow::client
