#include "common/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sliceflow {
namespace {

using ::testing::HasSubstr;

TEST(Metrics, CountsWhatIsReported) {
  Metrics metrics;
  metrics.CallEnded("/s.S/Get", "OK", absl::Milliseconds(3));
  metrics.CallEnded("/s.S/Get", "NOT_FOUND", absl::Milliseconds(300));
  metrics.CallEnded("/s.S/Get", "OK", absl::Milliseconds(3));
  metrics.StepStored("sw_jko", 0.2);
  metrics.CommitDone(absl::Milliseconds(2));
  metrics.WorkerRestarted("cpu-flow");
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("# TYPE sliceflow_grpc_requests_total counter\n"));
  EXPECT_THAT(text, HasSubstr(R"(sliceflow_grpc_requests_total{code="OK",method="/s.S/Get"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(sliceflow_grpc_requests_total{code="NOT_FOUND",method="/s.S/Get"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(sliceflow_grpc_request_seconds_count{method="/s.S/Get"} 3)"));
  EXPECT_THAT(text, HasSubstr(R"(sliceflow_grpc_request_seconds_bucket{method="/s.S/Get",le="0.005"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(sliceflow_steps_total{solver="sw_jko"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(sliceflow_step_seconds_sum{solver="sw_jko"} 0.2)"));
  EXPECT_THAT(text, HasSubstr("sliceflow_store_commit_seconds_count 1"));
  EXPECT_THAT(text, HasSubstr(R"(sliceflow_worker_restarts_total{worker="cpu-flow"} 1)"));
}

TEST(Metrics, AnyNumberOfLabelsTakesABoundedPlace) {
  Metrics metrics;
  for (int i = 0; i < 5000; ++i) metrics.CallEnded("/s.S/" + std::to_string(i), "OK", absl::Milliseconds(3));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(sliceflow_grpc_requests_total{code="OK",method="/s.S/999"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(sliceflow_grpc_requests_total{code="other",method="other"} 4000)"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("/s.S/1000")));
}

TEST(Metrics, GaugesAreReadWhenAskedForButNotAgainAtOnce) {
  Metrics metrics;
  int reads = 0;
  metrics.AddGauge("sliceflow_jobs", "Jobs by state.", [&] {
    ++reads;
    return std::vector<Metrics::Sample>{{{{"state", "queued"}}, 4}, {{{"state", "running"}}, 1.0 * reads}};
  });
  EXPECT_EQ(reads, 0);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("# HELP sliceflow_jobs Jobs by state.\n# TYPE sliceflow_jobs gauge\n"));
  EXPECT_THAT(text, HasSubstr("sliceflow_jobs{state=\"queued\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("sliceflow_jobs{state=\"running\"} 1\n"));
  metrics.StepStored("mala", 1);
  for (int i = 0; i < 100; ++i) metrics.Text();
  EXPECT_LE(reads, 10) << "a hundred requests made as many queries";
}

}  // namespace
}  // namespace sliceflow
