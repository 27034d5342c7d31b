// The services over a channel, beside a scheduler that answers at once.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/grpc_status.h"
#include "server/api/access.h"
#include "server/api/services.h"
#include "sliceflow/v1/dataset_service.grpc.pb.h"
#include "sliceflow/v1/job_service.grpc.pb.h"
#include "sliceflow/v1/server_service.grpc.pb.h"
#include "tests/support/patience.h"
#include "tests/unit/api/sha256.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::api {

// Draws and densities are zeros of the right shape; a model is kModelBytes of `m`.
class ZeroScheduler final : public scheduler::Scheduler {
 public:
  static constexpr size_t kModelBytes = (size_t{5} << 20) / 2;

  void Start(std::vector<jobs::WaitingJob>) override {}
  grpc::Service* worker_service() override { return nullptr; }
  std::function<void()> Ask(scheduler::Query query, scheduler::QueryCallback callback) override {
    if (query.distance.has_value()) {
      callback(scheduler::Answer{.tensor = {{5}, std::vector<float>(5)}});
      return [] {};
    }
    if (query.format.has_value()) {
      callback(scheduler::Answer{.file = std::string(kModelBytes, 'm')});
      return [] {};
    }
    const int64_t rows = query.draw.has_value() ? query.draw->count : query.points->rows();
    callback(scheduler::Answer{.tensor = {{rows, 1}, std::vector<float>(rows)}});
    return [] {};
  }
  std::vector<scheduler::DeviceState> devices() const override { return {}; }
  void CutOff(const std::function<absl::Status(const scheduler::WorkerPeer&)>&) override {}
  void Shutdown(absl::Duration) override {}
  void OnQueued(const jobs::WaitingJob&) override {}
  void OnStopRequested(const std::string&, int64_t) override {}
};

class ServicesFixture : public jobs::JobsFixture {
 protected:
  // A context that shows a token; none where it is empty.
  std::unique_ptr<grpc::ClientContext> As(const std::string& token) const {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(absl::ToChronoTime(absl::Now() + testing::kPatience));
    if (!token.empty()) context->AddMetadata("authorization", "Bearer " + token);
    return context;
  }

  // Uploads comma-separated numbers.
  absl::StatusOr<v1::Dataset> Upload(const std::string& token, const std::string& id, const std::string& text) {
    const auto context = As(token);
    v1::Dataset dataset;
    const auto writer = dataset_stub_->UploadDataset(context.get(), &dataset);
    v1::UploadDatasetRequest request;
    request.mutable_header()->set_dataset_id(id);
    request.mutable_header()->mutable_format()->set_kind(v1::DatasetFormat::CSV);
    request.mutable_header()->set_size_bytes(static_cast<int64_t>(text.size()));
    request.mutable_header()->set_sha256(testing::Sha256(text));
    writer->Write(request);
    request.set_data(text);
    writer->Write(request);
    writer->WritesDone();
    absl::Status status = FromGrpcStatus(writer->Finish());
    if (!status.ok()) return status;
    return dataset;
  }

  template <typename Stream, typename Message>
  static absl::Status Drain(Stream& stream, Message message) {
    while (stream.Read(&message)) continue;
    return FromGrpcStatus(stream.Finish());
  }

  // Serves anew; with `tokens`, these are asked for.
  void Serve(jobs::Tokens* tokens = nullptr, const v1::Quota& quota = {}, AuditLog* audit = nullptr) {
    quotas_ = std::make_unique<jobs::Quotas>(*store_, quota, std::map<std::string, v1::Quota>());
    jobs_->SetQuotas(quotas_.get());
    datasets_ =
        jobs::MakeDatasets(*store_, blobs_, files_, "uploads", clock_, {.max_upload_bytes = 10'000, .max_values = 1000}, quotas_.get());
    access_ = std::make_unique<Access>(tokens, *quotas_, audit, clock_);
    grpc::ServerBuilder builder;
    services_ = RegisterServices(builder, {*jobs_, *datasets_, *access_, scheduler_}, limits_);
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel({});
    job_stub_ = v1::JobService::NewStub(channel_);
    dataset_stub_ = v1::DatasetService::NewStub(channel_);
    server_stub_ = v1::ServerService::NewStub(channel_);
  }
  void TearDown() override {
    services_->Shutdown();
    server_->Shutdown();
    server_.reset();
    services_.reset();
  }

  Limits limits_;  // before Serve
  ZeroScheduler scheduler_;
  std::unique_ptr<jobs::Quotas> quotas_;
  std::unique_ptr<jobs::Datasets> datasets_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> job_stub_;
  std::unique_ptr<v1::DatasetService::Stub> dataset_stub_;
  std::unique_ptr<v1::ServerService::Stub> server_stub_;
};

}  // namespace sliceflow::api
