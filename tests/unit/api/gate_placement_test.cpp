// Priority, device and bounds of a job.
#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::HasSubstr;

class GatePlacementTest : public GateFixture {
 protected:
  GatePlacementTest() { devices_ = {{.name = "cpu"}, {.name = "cuda:0"}}; }
};

TEST_F(GatePlacementTest, AnyDeviceIsFilledIn) {
  const absl::StatusOr<v1::Job> job = Check(kSmallest);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->device(), "any");
  EXPECT_EQ(job->priority(), 0);
  EXPECT_FALSE(job->has_limits());
}

TEST_F(GatePlacementTest, WhatIsAskedForIsKept) {
  v1::CreateJobRequest request = Request(kSmallest);
  request.mutable_job()->set_priority(-100);
  request.mutable_job()->set_device("cuda:0");
  request.mutable_job()->mutable_limits()->set_max_run_seconds(1);
  request.mutable_job()->mutable_limits()->set_max_memory_bytes(64 << 20);
  const absl::StatusOr<v1::Job> job = Check(request);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->priority(), -100);
  EXPECT_EQ(job->device(), "cuda:0");
  EXPECT_EQ(job->limits().SerializeAsString(), request.job().limits().SerializeAsString());
}

TEST_F(GatePlacementTest, MistakesAreNamed) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const Mistake mistakes[] = {
      {"priority: 101", kInvalid, "priority", "between -100 and 100, is 101"},
      {"priority: -101", kInvalid, "priority", "is -101"},
      {"device: 'gpu'", kInvalid, "device", "any, cpu, cuda:N"},
      {"device: 'cuda:'", kInvalid, "device", "cuda:N"},
      {"device: 'cuda:01'", kInvalid, "device", "cuda:N"},
      {"device: 'gpu1/any'", kInvalid, "device", "NODE/cpu or NODE/cuda:N of another machine"},
      {"device: 'GPU1/cpu'", kInvalid, "device", "NODE/cpu"},
      {"device: 'CPU'", kInvalid, "device", "cuda:N"},
      {"limits { max_run_seconds: 0.5 }", kInvalid, "limits.max_run_seconds", "0, or between 1 and"},
      {"limits { max_run_seconds: -1 }", kInvalid, "limits.max_run_seconds", "is -1"},
      {"limits { max_run_seconds: nan }", kInvalid, "limits.max_run_seconds", "is nan"},
      {"limits { max_run_seconds: inf }", kInvalid, "limits.max_run_seconds", "is inf"},
      {"limits { max_memory_bytes: 67108863 }", kInvalid, "limits.max_memory_bytes", "at least 67108864"},
      {"limits { max_memory_bytes: -1 }", kInvalid, "limits.max_memory_bytes", "is -1"},
  };
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.change);
    ExpectRefused(mistake);
  }
}

TEST_F(GatePlacementTest, ADeviceThatIsNotThereIsRefusedNamingThoseThatAre) {
  v1::CreateJobRequest request = Request(kSmallest);
  request.mutable_job()->set_device("cuda:1");
  const absl::Status status = Check(request).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(Reason(status), "DEVICE_UNKNOWN");
  ASSERT_EQ(ViolationsOf(status).size(), 1u);
  EXPECT_EQ(ViolationsOf(status)[0].field, "device");
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("no device cuda:1; it has cpu, cuda:0"));
}

TEST_F(GatePlacementTest, WithoutAnyDeviceAJobForAnyWaitsAndOneForADeviceIsRefused) {
  devices_ = {};
  v1::CreateJobRequest request = Request(kSmallest);
  const absl::StatusOr<v1::Job> any = Check(request);
  ASSERT_TRUE(any.ok()) << any.status();
  EXPECT_GT(any->memory().estimated_bytes(), 0);
  request.mutable_job()->set_device("gpu1/cpu");
  const absl::Status status = Check(request).status();
  EXPECT_EQ(Reason(status), "DEVICE_UNKNOWN");
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("no device gpu1/cpu; it has none"));
  devices_ = {{.name = "gpu1/cpu", .memory_bytes = int64_t{1} << 40}};
  EXPECT_TRUE(Check(request).ok());
}

TEST_F(GatePlacementTest, AJobBeyondTheMemoryOfEveryDeviceItMayHaveIsRefusedNamingBoth) {
  devices_ = {{.name = "cpu", .memory_bytes = 1 << 20}, {.name = "cuda:0", .memory_bytes = int64_t{1} << 40}};
  v1::CreateJobRequest request = Request(kSmallest);
  const absl::StatusOr<v1::Job> any = Check(request);
  ASSERT_TRUE(any.ok()) << any.status();
  EXPECT_GT(any->memory().estimated_bytes(), 1 << 20);
  request.mutable_job()->set_device("cpu");
  const absl::Status status = Check(request).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  ASSERT_EQ(ViolationsOf(status).size(), 1u);
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr(absl::StrCat("take ", any->memory().estimated_bytes(), " bytes")));
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("has 1048576"));
  // Of a device that does not say what it has there is no bound.
  devices_[0].memory_bytes = 0;
  EXPECT_TRUE(Check(request).ok());
}

}  // namespace
}  // namespace sliceflow::api
