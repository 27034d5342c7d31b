// The services over a channel, beside a scheduler that answers at once.
#include "server/api/services.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "common/grpc_status.h"
#include "sliceflow/v1/dataset_service.grpc.pb.h"
#include "sliceflow/v1/job_service.grpc.pb.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Draws and densities are zeros of the right shape.
class ZeroScheduler final : public scheduler::Scheduler {
 public:
  void Start(std::vector<std::string>) override {}
  grpc::Service* worker_service() override { return nullptr; }
  std::function<void()> Ask(scheduler::Query query, scheduler::QueryCallback callback) override {
    const int64_t rows = query.draw.has_value() ? query.draw->count : query.points->rows();
    callback(Tensor{{rows, 1}, std::vector<float>(rows)});
    return [] {};
  }
  std::vector<scheduler::DeviceState> devices() const override { return {}; }
  void Shutdown(absl::Time) override {}
  void OnQueued(const std::string&) override {}
  void OnStopRequested(const std::string&) override {}
};

class ServicesTest : public jobs::JobsFixture {
 protected:
  void SetUp() override {
    JobsFixture::SetUp();
    datasets_ = jobs::MakeDatasets(*store_, blobs_, files_, "uploads", clock_, {.max_upload_bytes = 10'000, .max_values = 1000});
    Limits limits;
    limits.max_sample_values = 100;
    grpc::ServerBuilder builder;
    services_ = RegisterServices(builder, {*jobs_, *datasets_, *log_, scheduler_}, limits);
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel({});
    job_ = "jobs/" + Create(1);  // of dimension 2
  }
  void TearDown() override { server_->Shutdown(); }

  absl::Status Sample(int count) {
    grpc::ClientContext context;
    v1::SampleJobRequest request;
    request.set_name(job_);
    request.set_count(count);
    const auto stream = v1::JobService::NewStub(channel_)->SampleJob(&context, request);
    v1::TensorChunk chunk;
    while (stream->Read(&chunk)) continue;
    return FromGrpcStatus(stream->Finish());
  }

  // Points of so many columns, cut off before the last chunk where they are not `whole`.
  absl::Status Evaluate(int columns, bool whole = true) {
    grpc::ClientContext context;
    const auto stream = v1::JobService::NewStub(channel_)->EvaluateDensity(&context);
    v1::EvaluateDensityRequest request;
    request.set_name(job_);
    request.mutable_points()->add_shape(3);
    request.mutable_points()->add_shape(columns);
    request.mutable_points()->set_data(std::string(3 * columns * sizeof(float) / (whole ? 1 : 3), '\0'));
    request.mutable_points()->set_last(whole);
    stream->Write(request);
    stream->WritesDone();
    v1::TensorChunk chunk;
    while (stream->Read(&chunk)) continue;
    return FromGrpcStatus(stream->Finish());
  }

  ZeroScheduler scheduler_;
  std::unique_ptr<jobs::Datasets> datasets_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::string job_;
};

TEST_F(ServicesTest, PointsHaveTheDimensionOfTheJob) {
  EXPECT_TRUE(Evaluate(2).ok()) << Evaluate(2);
  for (const int columns : {1, 3}) {
    const absl::Status status = Evaluate(columns);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    ASSERT_THAT(ViolationsOf(status), SizeIs(1));
    EXPECT_EQ(ViolationsOf(status)[0].field, "points");
    EXPECT_THAT(ViolationsOf(status)[0].description,
                HasSubstr(absl::StrCat("must have 2 columns, the dimension of the job; have ", columns)));
  }
}

TEST_F(ServicesTest, SamplesTimesDimensionAreBounded) {
  EXPECT_TRUE(Sample(50).ok()) << Sample(50);
  const absl::Status status = Sample(51);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  ASSERT_THAT(ViolationsOf(status), SizeIs(1));
  EXPECT_EQ(ViolationsOf(status)[0].field, "count");
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("at most 50 in dimension 2 on this server, is 51"));
}

TEST_F(ServicesTest, AStreamThatEndsEarlyIsToldWithAReason) {
  const absl::Status density = Evaluate(2, /*whole=*/false);
  EXPECT_TRUE(absl::IsInvalidArgument(density)) << density;
  EXPECT_FALSE(Reason(density).empty());

  grpc::ClientContext context;
  v1::Dataset dataset;
  const auto upload = v1::DatasetService::NewStub(channel_)->UploadDataset(&context, &dataset);
  upload->WritesDone();
  const absl::Status headless = FromGrpcStatus(upload->Finish());
  EXPECT_TRUE(absl::IsInvalidArgument(headless)) << headless;
  EXPECT_FALSE(Reason(headless).empty());
}

}  // namespace
}  // namespace sliceflow::api
