// A server of the contract whose streams break where a test says so.
#pragma once

#include <grpcpp/server.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cpp/client.h"
#include "sliceflow/v1/dataset_service.grpc.pb.h"
#include "sliceflow/v1/job_service.grpc.pb.h"

namespace sliceflow::client {

// Each WatchJob takes the next script; thread-safe.
using WatchScript =
    std::function<grpc::Status(const v1::WatchJobRequest&, grpc::ServerContext*, grpc::ServerWriter<v1::WatchJobResponse>*)>;

class FakeJobs : public v1::JobService::Service {
 public:
  grpc::Status WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::WatchJobResponse>* writer) override;
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request, v1::Job* job) override;
  grpc::Status CreateJob(grpc::ServerContext* context, const v1::CreateJobRequest* request, v1::Job* job) override;
  grpc::Status CancelJob(grpc::ServerContext* context, const v1::CancelJobRequest* request, v1::Job* job) override;
  grpc::Status DeleteJob(grpc::ServerContext* context, const v1::DeleteJobRequest* request, v1::Job* job) override;

  std::mutex mutex;
  std::deque<WatchScript> watches;
  std::vector<int64_t> watched_after;
  v1::Job job;
  int failures_left = 0;  // calls answered UNAVAILABLE before one works
  int calls = 0;
  int cancels = 0;
  std::vector<std::string> request_ids;

 private:
  grpc::Status CountCall();
};

// Keeps what arrives, as the contract says, and breaks streams after a number of bytes.
class FakeDatasets : public v1::DatasetService::Service {
 public:
  grpc::Status UploadDataset(grpc::ServerContext* context, grpc::ServerReader<v1::UploadDatasetRequest>* reader,
                             v1::Dataset* dataset) override;
  grpc::Status GetUpload(grpc::ServerContext* context, const v1::GetUploadRequest* request, v1::Upload* upload) override;

  std::mutex mutex;
  std::string received;
  std::vector<int64_t> offsets;
  v1::UploadHeader header;
  int64_t break_after = 0;  // bytes of the next stream; 0 never
  int busy_left = 0;        // streams refused with `busy`, to be sent again a millisecond later
  absl::Status busy = absl::ResourceExhaustedError("more than 16 uploads at once");
};

struct FakeServer {
  FakeServer();
  ~FakeServer();
  // Pauses of a millisecond, so that tests of many attempts stay short.
  Client MakeClient() const;

  FakeJobs jobs;
  FakeDatasets datasets;
  std::string address;
  std::unique_ptr<grpc::Server> server;
};

}  // namespace sliceflow::client
