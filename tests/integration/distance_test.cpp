// Distances through real processes: between a job, its steps, a data set and known densities.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "google/protobuf/text_format.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::SizeIs;

class DistanceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    daemon_ = new DaemonProcess(folder_->path());
    if (!daemon_->ok()) return;
    Client client(daemon_->address());
    v1::Job job = RealNvpJob();
    job.mutable_spec()->mutable_schedule()->set_num_steps(2);
    job.mutable_spec()->mutable_solver()->mutable_sw_jko()->set_inner_iterations(20);
    v1::Metric& metric = *job.mutable_spec()->mutable_output()->add_metrics();
    metric.mutable_moments();
    EXPECT_TRUE(client.Upload("pair", "3,4\n3,4\n").ok());
    job.mutable_spec()->mutable_output()->add_metrics()->mutable_target_distance()->set_dataset("datasets/pair");
    job_ = client.WaitForEnd(client.Create(job).name());
    EXPECT_EQ(job_.state(), v1::Job::SUCCEEDED) << job_.ShortDebugString();
  }
  static void TearDownTestSuite() {
    delete daemon_;
    delete folder_;
  }
  void SetUp() override { ASSERT_TRUE(daemon_->ok()) << daemon_->Log(); }

  absl::StatusOr<v1::ComputeDistanceResponse> Ask(const std::string& text) {
    v1::ComputeDistanceRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
    v1::ComputeDistanceResponse response;
    const grpc::Status status = client_.Distance(request, response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }
  v1::ComputeDistanceResponse MustAsk(const std::string& text) {
    const absl::StatusOr<v1::ComputeDistanceResponse> response = Ask(text);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(v1::ComputeDistanceResponse());
  }
  static std::string Step(int step) { return absl::StrCat("{ job_step { job: '", job_.name(), "' step: ", step, " } } "); }

  static TempFolder* folder_;
  static DaemonProcess* daemon_;
  static v1::Job job_;
  Client client_{daemon_->address()};
};
TempFolder* DistanceTest::folder_ = nullptr;
DaemonProcess* DistanceTest::daemon_ = nullptr;
v1::Job DistanceTest::job_;

TEST_F(DistanceTest, FromAFinishedJobToADataSet) {
  // Step 0 is N((1, −1), I), and both rows are (3, 4): SW2² = (29 + 2)/2, with an error over 10⁴ samples of √(4·29 + 4)/(2·100) = .055.
  const v1::ComputeDistanceResponse answer =
      MustAsk(absl::StrCat("first ", Step(0), "second { dataset: 'datasets/pair' } distance { sliced_wasserstein {} }"));
  EXPECT_NEAR(answer.value(), 15.5, 4 * 0.055);
  EXPECT_GT(answer.standard_error(), 0);
  EXPECT_EQ(answer.first_samples(), 10'000);
  EXPECT_EQ(answer.second_samples(), 2);
}

TEST_F(DistanceTest, BetweenTwoStepsOfOneJob) {
  const std::string steps = absl::StrCat("first ", Step(0), "second { job_step { job: '", job_.name(), "' } } ");
  const v1::ComputeDistanceResponse answer = MustAsk(steps + "distance { bures {} } seed: 3");
  EXPECT_EQ(answer.request().second().job_step().step(), 2);
  // The flow has left its start by more than the fits' own error.
  EXPECT_GT(answer.value(), 3 * answer.standard_error());
  EXPECT_EQ(MustAsk(steps + "distance { bures {} } seed: 3").value(), answer.value());
  const v1::ComputeDistanceResponse itself = MustAsk(absl::StrCat("first ", Step(2), "second ", Step(2), "distance { kl {} }"));
  EXPECT_EQ(itself.value(), 0);
}

TEST_F(DistanceTest, StepZeroIsTheInitialDensity) {
  const v1::ComputeDistanceResponse answer =
      MustAsk(absl::StrCat("first { gaussian { mean: [1, 0] } } second ", Step(0), "distance { kl {} }"));
  EXPECT_NEAR(answer.value(), 0.5, 4 * answer.standard_error());
  Tensor samples;
  // What the worker held for other questions is as it was.
  EXPECT_TRUE(client_.Sample(job_.name(), 0, 5, 1, samples).ok());
  MustAsk(absl::StrCat("first ", Step(2), "second ", Step(0), "distance { energy {} } samples: 100"));
  EXPECT_TRUE(client_.Sample(job_.name(), 0, 5, 1, samples).ok());
  EXPECT_THAT(samples.values, SizeIs(10));
}

// Step 0 is N((1, −1), I) and both rows are (3, 4). The features are x₁ + x₂ + 1 and 2 x₁: the means are (1, 2) and (8, 6), the covariance
// of the step is that of (1, 1; 2, 0), of trace 6. Over 10⁴ samples the means alone have an error of 2 √(49 · 2 + 16 · 4 + 2 · 28 · 2)/100
// = .33.
TEST_F(DistanceTest, OfFeaturesWhoseWeightsAreDataSets) {
  ASSERT_TRUE(client_.Upload("matrix", "1,2\n1,0\n").ok());
  ASSERT_TRUE(client_.Upload("offset", "1,0\n").ok());
  const std::string weights = "weights: 'datasets/matrix' weights: 'datasets/offset' } }";
  const v1::ComputeDistanceResponse answer =
      MustAsk(absl::StrCat("first ", Step(0), "second { dataset: 'datasets/pair' } distance { frechet { ",
                           "features: 'def features(x, w, b): return x @ w + b' ", weights));
  EXPECT_NEAR(answer.value(), 49 + 16 + 6, 4 * 0.33);
  EXPECT_GT(answer.standard_error(), 0);
  EXPECT_EQ(answer.request().distance().frechet().weights_size(), 2);
  const absl::Status refused = Ask(absl::StrCat("first ", Step(0), "second { dataset: 'datasets/pair' } distance { frechet { ",
                                                "features: 'def features(x, w, b):\\n  return torch.from_file(\"/etc/passwd\")' ", weights))
                                   .status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  ASSERT_THAT(ViolationsOf(refused), SizeIs(1));
  EXPECT_EQ(ViolationsOf(refused)[0].field, "distance.frechet.features");
  EXPECT_THAT(ViolationsOf(refused)[0].description, ::testing::HasSubstr("line 2: "));
  EXPECT_THAT(ViolationsOf(refused)[0].description, ::testing::HasSubstr("reads a file"));
}

TEST_F(DistanceTest, MistakesComeBackWithTheirFields) {
  const absl::Status unkept = Ask(absl::StrCat("first ", Step(7), "second { dataset: 'datasets/pair' } distance { energy {} }")).status();
  EXPECT_EQ(Reason(unkept), "CHECKPOINT_NOT_KEPT") << unkept;
  ASSERT_THAT(ViolationsOf(unkept), SizeIs(1));
  EXPECT_EQ(ViolationsOf(unkept)[0].field, "first.job_step.step");
  const absl::Status unknown =
      Ask("first { job_step { job: 'jobs/none' } } second { dataset: 'datasets/none' } distance { kl {} }").status();
  EXPECT_TRUE(absl::IsInvalidArgument(unknown)) << unknown;
}

TEST_F(DistanceTest, MetricsAreReportedWithEachStep) {
  double second_moment = -1, target_distance = -1;
  for (const v1::MetricValue& metric : job_.progress().last_step().metrics()) {
    if (metric.name() == "second_moment") second_moment = metric.value();
    if (metric.name() == "target_distance") target_distance = metric.value();
  }
  EXPECT_GT(second_moment, 0);
  EXPECT_GT(target_distance, 0);
}

}  // namespace
}  // namespace sliceflow::testing
