// The gate beside data sets that are only described.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "google/protobuf/text_format.h"
#include "server/api/gate/gate.h"
#include "tests/unit/api/described_datasets.h"

namespace sliceflow::api {

inline constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
inline constexpr auto kNotFound = absl::StatusCode::kNotFound;
inline constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
inline constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

// A text that is merged into kSmallest, and what it is answered with.
struct Mistake {
  const char* change;
  absl::StatusCode code;
  const char* field;
  const char* words;
};

inline void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.field << " by " << mistake.change; }

class GateFixture : public ::testing::Test {
 protected:
  GateFixture() {
    datasets_.Add("table", 768, 9, {-1, 1});
    datasets_.Add("unlabelled", 100, 9);
    datasets_.Add("single", 1, 9, {-1, 1});
    datasets_.Add("points", 500, 2);
    datasets_.Add("images", 2000, 784);
    datasets_.Add("huge", 6000, 784);
    datasets_.Add("other-images", 100, 784);
    datasets_.Add("one-image", 1, 784);
  }

  // A job of the smallest specification that passes, in the text form of protobuf.
  static constexpr char kSmallest[] =
      "spec { dimension: 2 functional { terms { potential { quadratic {} } } } schedule { step_size: 0.1 num_steps: 3 } }";

  static v1::CreateJobRequest Request(const std::string& job_text) {
    v1::CreateJobRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(job_text, request.mutable_job())) << job_text;
    return request;
  }

  absl::StatusOr<v1::Job> Check(const v1::CreateJobRequest& request) { return CheckCreateJob(request, "", datasets_, limits_, devices_); }
  absl::StatusOr<v1::Job> Check(const std::string& job_text) { return Check(Request(job_text)); }

  void ExpectRefused(const Mistake& mistake) {
    v1::CreateJobRequest request = Request(kSmallest);
    const v1::Job change = Request(mistake.change).job();
    // A list in the change replaces the list it changes.
    if (change.spec().functional().terms_size() > 0) request.mutable_job()->mutable_spec()->clear_functional();
    request.mutable_job()->MergeFrom(change);
    const absl::Status status = Check(request).status();
    EXPECT_EQ(status.code(), mistake.code) << status;
    const std::vector<FieldViolation> violations = ViolationsOf(status);
    ASSERT_THAT(violations, ::testing::SizeIs(1)) << status;
    EXPECT_EQ(violations[0].field, mistake.field);
    EXPECT_THAT(violations[0].description, ::testing::HasSubstr(mistake.words));
    EXPECT_FALSE(Reason(status).empty());
  }

  DescribedDatasets datasets_;
  Limits limits_;
  std::vector<scheduler::DeviceState> devices_;
};

}  // namespace sliceflow::api
