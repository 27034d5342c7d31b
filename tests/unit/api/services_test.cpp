// What the services answer to requests that are wrong.
#include "server/api/services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/services_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ServicesTest : public ServicesFixture {
 protected:
  void SetUp() override {
    ServicesFixture::SetUp();
    limits_.max_sample_values = 100;
    Serve();
    job_ = "jobs/" + Create(1);  // of dimension 2
  }

  absl::Status Sample(int count) {
    grpc::ClientContext context;
    v1::SampleJobRequest request;
    request.set_name(job_);
    request.set_count(count);
    const auto stream = job_stub_->SampleJob(&context, request);
    v1::TensorChunk chunk;
    while (stream->Read(&chunk)) continue;
    return FromGrpcStatus(stream->Finish());
  }

  // Points of so many columns, cut off before the last chunk where they are not `whole`.
  absl::Status Evaluate(int columns, bool whole = true) {
    grpc::ClientContext context;
    const auto stream = job_stub_->EvaluateDensity(&context);
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

TEST_F(ServicesTest, AModelComesInPiecesOfAMebibyte) {
  grpc::ClientContext context;
  v1::ExportModelRequest request;
  request.set_name(job_);
  const auto stream = job_stub_->ExportModel(&context, request);
  std::vector<size_t> sizes;
  v1::ExportModelResponse piece;
  while (stream->Read(&piece)) sizes.push_back(piece.data().size());
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(sizes, ::testing::ElementsAre(1 << 20, 1 << 20, 1 << 19));
}

TEST_F(ServicesTest, WhatAModelIsExportedAsIsChecked) {
  grpc::ClientContext context;
  v1::ExportModelRequest request;
  request.set_name(job_);
  request.set_step(-1);
  request.set_format(static_cast<v1::ExportModelRequest::Format>(7));
  const auto stream = job_stub_->ExportModel(&context, request);
  v1::ExportModelResponse piece;
  EXPECT_FALSE(stream->Read(&piece));
  const absl::Status status = FromGrpcStatus(stream->Finish());
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  ASSERT_THAT(ViolationsOf(status), SizeIs(2));
  EXPECT_EQ(ViolationsOf(status)[0].field, "step");
  EXPECT_EQ(ViolationsOf(status)[1].field, "format");
  EXPECT_THAT(ViolationsOf(status)[1].description, HasSubstr("must be TORCH_SCRIPT or SAFETENSORS, is 7"));
}

TEST_F(ServicesTest, SamplesTimesDimensionAreBounded) {
  EXPECT_TRUE(Sample(50).ok()) << Sample(50);
  const absl::Status status = Sample(51);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  ASSERT_THAT(ViolationsOf(status), SizeIs(1));
  EXPECT_EQ(ViolationsOf(status)[0].field, "count");
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("at most 50 in dimension 2 on this server, is 51"));
}

TEST_F(ServicesTest, HowManyRowsOfADataSetAreAskedForIsChecked) {
  ASSERT_TRUE(Upload("", "points", "1,2\n3,4\n5,6\n").ok());
  v1::SampleDatasetRequest request;
  request.set_name("datasets/points");
  const auto rows = [&](int count, v1::TensorChunk& chunk) {
    request.set_count(count);
    const auto context = As("");
    const auto stream = dataset_stub_->SampleDataset(context.get(), request);
    stream->Read(&chunk);
    return FromGrpcStatus(stream->Finish());
  };
  v1::TensorChunk chunk;
  ASSERT_TRUE(rows(2, chunk).ok());
  EXPECT_THAT(chunk.shape(), ElementsAre(2, 2));
  EXPECT_EQ(chunk.data(), PackValues({1, 2, 3, 4})) << "rows 0 and floor(3 / 2)";
  EXPECT_TRUE(chunk.last());
  ASSERT_TRUE(rows(static_cast<int>(limits_.max_samples), chunk).ok());
  EXPECT_THAT(chunk.shape(), ElementsAre(3, 2));

  for (const int count : {0, -1}) {
    const absl::Status status = rows(count, chunk);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    ASSERT_THAT(ViolationsOf(status), SizeIs(1));
    EXPECT_EQ(ViolationsOf(status)[0].field, "count");
  }
  const absl::Status beyond = rows(static_cast<int>(limits_.max_samples + 1), chunk);
  EXPECT_TRUE(absl::IsResourceExhausted(beyond)) << beyond;
  ASSERT_THAT(ViolationsOf(beyond), SizeIs(1));
  EXPECT_EQ(ViolationsOf(beyond)[0].field, "count");

  request.set_name("datasets/other");
  const absl::Status missing = rows(1, chunk);
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_EQ(Reason(missing), "RESOURCE_NOT_FOUND");
  request.set_name("points");
  EXPECT_TRUE(absl::IsInvalidArgument(rows(1, chunk)));
}

TEST_F(ServicesTest, AWatchOfBytesThatAreNoRequestIsRefused) {
  using Factory = grpc::internal::ClientReaderFactory<v1::WatchJobResponse>;
  const grpc::internal::RpcMethod watch("/sliceflow.v1.JobService/WatchJob", grpc::internal::RpcMethod::SERVER_STREAMING);
  const grpc::Slice bytes("\xff\xff\xff");
  const auto context = As("");
  const std::unique_ptr<grpc::ClientReader<v1::WatchJobResponse>> reader(
      Factory::Create(channel_.get(), watch, context.get(), grpc::ByteBuffer(&bytes, 1)));
  EXPECT_EQ(Drain(*reader, v1::WatchJobResponse()).code(), absl::StatusCode::kInternal);
}

TEST_F(ServicesTest, AStreamThatEndsEarlyIsToldWithAReason) {
  const absl::Status density = Evaluate(2, /*whole=*/false);
  EXPECT_TRUE(absl::IsInvalidArgument(density)) << density;
  EXPECT_FALSE(Reason(density).empty());

  grpc::ClientContext context;
  v1::Dataset dataset;
  const auto upload = dataset_stub_->UploadDataset(&context, &dataset);
  upload->WritesDone();
  const absl::Status headless = FromGrpcStatus(upload->Finish());
  EXPECT_TRUE(absl::IsInvalidArgument(headless)) << headless;
  EXPECT_FALSE(Reason(headless).empty());
}

}  // namespace
}  // namespace sliceflow::api
