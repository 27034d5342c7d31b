#include "common/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/grpc_status.h"
#include "google/rpc/error_details.pb.h"

namespace sliceflow {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const auto payload = status.GetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  EXPECT_TRUE(payload.has_value() && detail.ParseFromString(std::string(*payload))) << status;
  return detail;
}

// What a status takes in the trailer of a call at worst: the details in base64, the message with every byte that is not ASCII escaped.
size_t TrailerBytes(const grpc::Status& status) {
  size_t bytes = status.error_details().size() * 4 / 3 + 64;
  for (const char c : status.error_message()) bytes += c >= 0x20 && c < 0x7F && c != '%' ? 1 : 3;
  return bytes;
}

TEST(ErrorsTest, ReasonHasTheDomainAndItsMetadata) {
  const absl::Status status = WithReason(absl::AbortedError("lost"), "ETAG_MISMATCH", {{"etag", "7"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Reason(status), "ETAG_MISMATCH");
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  EXPECT_EQ(info.domain(), "sliceflow.dev");
  EXPECT_EQ(info.metadata().at("etag"), "7");
}

TEST(ErrorsTest, OkStaysOk) {
  EXPECT_TRUE(WithReason(absl::OkStatus(), "ANY").ok());
  EXPECT_EQ(Reason(WithReason(absl::OkStatus(), "ANY")), "");
  EXPECT_TRUE(FieldViolations().ToStatus().ok());
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
}

TEST(ErrorsTest, RetryTellsTheDelay) {
  const auto retry = DetailOf<google::rpc::RetryInfo>(WithRetry(absl::UnavailableError("busy"), absl::Milliseconds(2500)));
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(ErrorsTest, MissingResourceIsNamed) {
  const absl::Status status = ResourceNotFound("sliceflow.dev/Job", "jobs/abc");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("jobs/abc"));
  EXPECT_EQ(Reason(status), "RESOURCE_NOT_FOUND");
  const auto resource = DetailOf<google::rpc::ResourceInfo>(status);
  EXPECT_EQ(resource.resource_type(), "sliceflow.dev/Job");
  EXPECT_EQ(resource.resource_name(), "jobs/abc");
}

TEST(ErrorsTest, PreconditionNamesTypeAndSubject) {
  const absl::Status status = PreconditionError("JOB_NOT_ENDED", "jobs/abc", "is RUNNING; cancel it first");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(status), "JOB_NOT_ENDED");
  const auto failure = DetailOf<google::rpc::PreconditionFailure>(status);
  ASSERT_EQ(failure.violations_size(), 1);
  EXPECT_EQ(failure.violations(0).subject(), "jobs/abc");
}

TEST(ErrorsTest, ViolationsAreAllToldAndTheFirstAreInTheMessage) {
  FieldViolations violations;
  for (int i = 0; i < 5; ++i) violations.Add(absl::StrCat("spec.field", i), "must be above 0, is -1");
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(status), "INVALID_FIELD");
  EXPECT_THAT(std::string(status.message()), HasSubstr("spec.field0: must be above 0, is -1"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("and 2 more"));
  const std::vector<FieldViolation> told = ViolationsOf(status);
  ASSERT_THAT(told, SizeIs(5));
  EXPECT_EQ(told[4].field, "spec.field4");
  EXPECT_EQ(told[4].description, "must be above 0, is -1");
}

// Many clients take 8 KiB of trailers and lose the whole status beyond.
TEST(ErrorsTest, ManyLongViolationsStillFitInATrailer) {
  FieldViolations violations;
  for (int i = 0; i < 1000; ++i) {
    std::string text;
    for (int k = 0; k < 1000; ++k) text += "ρ";
    violations.Add(absl::StrCat("spec.functional.terms[", i, "]"), text);
  }
  const absl::Status status = violations.ToStatus();
  EXPECT_LT(TrailerBytes(ToGrpcStatus(status)), 8192U);
  const std::vector<FieldViolation> told = ViolationsOf(status);
  EXPECT_THAT(told.back().description, HasSubstr("more"));
}

TEST(ErrorsTest, DetailsSurviveTheWireBothWays) {
  FieldViolations violations;
  violations.Add("spec.dimension", "must be at least 1, is 0");
  const absl::Status sent = WithRetry(violations.ToStatus(absl::StatusCode::kResourceExhausted), absl::Seconds(3));
  const absl::Status received = FromGrpcStatus(ToGrpcStatus(sent));
  EXPECT_EQ(received, sent);  // code, message and payloads
  EXPECT_EQ(FromRpcStatus(ToRpcStatus(sent)), sent);
}

TEST(ErrorsTest, NoErrorLeavesWithoutAReason) {
  const absl::Status received = FromGrpcStatus(ToGrpcStatus(absl::InvalidArgumentError("the stream ended early")));
  EXPECT_TRUE(absl::IsInvalidArgument(received));
  EXPECT_EQ(std::string(received.message()), "the stream ended early");
  EXPECT_EQ(Reason(received), "INVALID_ARGUMENT");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(received).domain(), "sliceflow.dev");
}

TEST(ErrorsTest, ForeignDetailsAreLeftOut) {
  const absl::Status status = FromGrpcStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection refused", "\xFF not ours"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(status.message()), "connection refused");
}

TEST(ErrorsTest, UnknownCodesAreUnknown) {
  google::rpc::Status rpc;
  rpc.set_code(99);
  EXPECT_EQ(FromRpcStatus(rpc).code(), absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace sliceflow
