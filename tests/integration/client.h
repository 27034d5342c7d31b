// A plain client of the contract for tests: generated stubs, a deadline on every call.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "common/tensor.h"
#include "sliceflow/v1/dataset_service.grpc.pb.h"
#include "sliceflow/v1/job_service.grpc.pb.h"
#include "sliceflow/v1/server_service.grpc.pb.h"

namespace sliceflow::testing {

// Job files for tests: a quarter of a minute or less, at least ten steps of a good tenth of a second.
v1::Job RealNvpJob();
v1::Job ParticlesJob();

class Client {
 public:
  explicit Client(const std::string& address);
  explicit Client(std::shared_ptr<grpc::Channel> channel);

  v1::Job Create(const v1::Job& job);
  // As it is answered: the job, or why not.
  grpc::Status TryCreate(const v1::CreateJobRequest& request, v1::Job& job);
  v1::Job Get(const std::string& name);
  // Of all jobs, over as many pages as there are.
  std::vector<std::string> ListNames(bool show_deleted = false);
  grpc::Status Cancel(const std::string& name);
  v1::Job Pause(const std::string& name);
  v1::Job Resume(const std::string& name);
  grpc::Status Delete(const std::string& name);
  // For good.
  grpc::Status Purge(const std::string& name);
  grpc::Status Undelete(const std::string& name, v1::Job& job);
  grpc::Status Fork(const v1::ForkJobRequest& request, v1::Job& job);

  // Reads events after a sequence until `until` is true of one, or the stream ends; that end's status where `status` is given.
  std::vector<v1::JobEvent> Watch(const std::string& name, int64_t after = 0, std::function<bool(const v1::JobEvent&)> until = nullptr,
                                  grpc::Status* status = nullptr);
  // Until a step is completed.
  void WaitForStep(const std::string& name, int step);
  // Until the job has ended; the job then.
  v1::Job WaitForEnd(const std::string& name);

  // The samples stored with each step, as a watch sends them, in the order of steps.
  std::vector<Tensor> StoredSamples(const std::string& name);
  grpc::Status Sample(const std::string& name, std::optional<int> step, int count, uint64_t seed, Tensor& samples);
  grpc::Status Export(const std::string& name, v1::ExportModelRequest::Format format, std::string& file);
  grpc::Status Density(const std::string& name, std::optional<int> step, const Tensor& points, Tensor& densities);

  grpc::Status Distance(const v1::ComputeDistanceRequest& request, v1::ComputeDistanceResponse& response);

  // Uploads comma-separated numbers as datasets/ID.
  grpc::Status Upload(const std::string& id, const std::string& csv);
  grpc::Status Rows(const std::string& dataset, int count, Tensor& rows);
  grpc::Status DeleteDataset(const std::string& name);

  v1::ServerInfo Info();
  grpc::Status CheckExpression(const v1::CheckExpressionRequest& request, v1::CheckExpressionResponse& response);
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::DatasetService::Stub> datasets_;
  std::unique_ptr<v1::ServerService::Stub> server_;
};

// `QUEUED`, `RUNNING`, `step 0`, …
std::string Describe(const v1::JobEvent& event);

}  // namespace sliceflow::testing
