#include "tests/unit/client/fake_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <chrono>

#include "common/errors.h"
#include "common/grpc_status.h"

namespace sliceflow::client {

grpc::Status FakeJobs::CountCall() {
  ++calls;
  if (failures_left == 0) return grpc::Status::OK;
  --failures_left;
  return {grpc::StatusCode::UNAVAILABLE, "going down"};
}

grpc::Status FakeJobs::WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest* request,
                                grpc::ServerWriter<v1::WatchJobResponse>* writer) {
  WatchScript script;
  {
    std::lock_guard lock(mutex);
    watched_after.push_back(request->after_sequence());
    if (watches.empty()) return {grpc::StatusCode::FAILED_PRECONDITION, "the test has no more streams"};
    script = watches.front();
    watches.pop_front();
  }
  return script(*request, context, writer);
}

grpc::Status FakeJobs::GetJob(grpc::ServerContext*, const v1::GetJobRequest*, v1::Job* answer) {
  std::lock_guard lock(mutex);
  *answer = job;
  return CountCall();
}

grpc::Status FakeJobs::CreateJob(grpc::ServerContext*, const v1::CreateJobRequest* request, v1::Job* answer) {
  std::lock_guard lock(mutex);
  request_ids.push_back(request->request_id());
  *answer = request->job();
  return CountCall();
}

grpc::Status FakeJobs::CancelJob(grpc::ServerContext*, const v1::CancelJobRequest*, v1::Job*) {
  std::lock_guard lock(mutex);
  ++cancels;
  return CountCall();
}

grpc::Status FakeJobs::DeleteJob(grpc::ServerContext*, const v1::DeleteJobRequest*, v1::Job*) {
  std::lock_guard lock(mutex);
  return CountCall();
}

grpc::Status FakeDatasets::UploadDataset(grpc::ServerContext*, grpc::ServerReader<v1::UploadDatasetRequest>* reader, v1::Dataset* dataset) {
  std::lock_guard lock(mutex);
  v1::UploadDatasetRequest request;
  if (!reader->Read(&request) || !request.has_header()) return {grpc::StatusCode::INVALID_ARGUMENT, "no header"};
  header = request.header();
  if (busy_left > 0) {
    --busy_left;
    return ToGrpcStatus(WithRetry(busy, absl::Milliseconds(1)));
  }
  offsets.push_back(header.offset());
  if (header.offset() != static_cast<int64_t>(received.size())) return {grpc::StatusCode::OUT_OF_RANGE, "wrong offset"};
  int64_t taken = 0;
  while (reader->Read(&request)) {
    received += request.data();
    taken += static_cast<int64_t>(request.data().size());
    if (break_after > 0 && taken >= break_after) {
      break_after = 0;
      return {grpc::StatusCode::UNAVAILABLE, "going down"};
    }
  }
  dataset->set_name("datasets/" + header.dataset_id());
  dataset->set_sha256(header.sha256());
  return grpc::Status::OK;
}

grpc::Status FakeDatasets::GetUpload(grpc::ServerContext*, const v1::GetUploadRequest*, v1::Upload* upload) {
  std::lock_guard lock(mutex);
  if (received.empty()) return {grpc::StatusCode::NOT_FOUND, "nothing has arrived"};
  upload->set_offset(static_cast<int64_t>(received.size()));
  return grpc::Status::OK;
}

FakeServer::FakeServer() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&jobs);
  builder.RegisterService(&datasets);
  server = builder.BuildAndStart();
  address = "127.0.0.1:" + std::to_string(port);
}

FakeServer::~FakeServer() { server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5)); }

Client FakeServer::MakeClient() const {
  ClientOptions options;
  options.timeout = absl::Seconds(20);
  options.transfer_timeout = absl::Seconds(20);
  options.retry.first_pause = absl::Milliseconds(1);
  options.retry.longest_pause = absl::Milliseconds(4);
  return Client(address, options);
}

}  // namespace sliceflow::client
