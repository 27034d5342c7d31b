// Flows between the codes of an auto-encoder, on data that lie in a plane of a larger space.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <string>

#include <ATen/ATen.h>

#include "server/engine/auto_encoder.h"
#include "server/engine/dense.h"
#include "server/engine/flow.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

constexpr int kDimension = 6;
constexpr int kCode = 2;

// Two Gaussian clusters in a plane, which two numbers tell without loss: centres 4 apart, deviation 1/2.
TablePtr Plane(int64_t rows) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  Table table{.rows = rows, .columns = kDimension};
  for (int64_t row = 0; row < rows; ++row) {
    const double u = (row % 2 == 0 ? 2 : -2) + 0.5 * normal(random);
    const double v = 1 + 0.5 * normal(random);
    for (int i = 0; i < kDimension; ++i) table.values.push_back(static_cast<float>(0.5 * u * std::cos(i) + v * std::sin(i)));
  }
  return std::make_shared<const Table>(std::move(table));
}

LatentSpace SmallSpace(const TablePtr& table) {
  return {.table = table, .dimension = kCode, .hidden_width = 64, .hidden_layers = 1, .training_iterations = 1500, .batch_size = 64};
}

FlowSpec LatentSpec() {
  const TablePtr table = Plane(300);
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(kCode);
  spec.dimension = kDimension;
  spec.initial = Gaussian{.mean = {2, -2}, .covariance = testing::Identity(kCode)};
  spec.terms = {{1, SlicedWassersteinTerm{.table = table, .num_projections = 50}}};
  spec.sliced_step_size = 1;
  spec.metrics = {TargetDistanceMetric{.table = table, .num_projections = 50}};
  spec.latent = SmallSpace(table);
  return spec;
}

std::optional<Metric> Find(const StepReport& report, const std::string& name) {
  for (const Metric& metric : report.metrics) {
    if (metric.name == name) return metric;
  }
  return std::nullopt;
}

// The best linear auto-encoder loses nothing of a plane; 1500 iterations are asked to come within a fiftieth of the variance.
TEST(AutoEncoderTest, KeepsAPlaneAndWhitensItsCodes) {
  const TablePtr table = Plane(300);
  const AutoEncoder coder(kDimension, SmallSpace(table));
  const StopLatch stop;
  const AutoEncoder::Training training = coder.Train(ViewOf(*table), SmallSpace(table), /*seed=*/1, stop, IgnoreProgress);
  ASSERT_FALSE(training.minimised.stopped || training.minimised.divergence.has_value());
  EXPECT_LT(training.lost.value, 0.02);
  EXPECT_GT(training.lost.value, 0);
  EXPECT_GT(training.lost.standard_error, 0);
  const Moments codes = MomentsOf(coder.Encode(training.minimised.parameters, ViewOf(*table)));
  // What folding the whitening into float32 layers leaves.
  EXPECT_LT(codes.mean.cwiseAbs().maxCoeff(), 1e-3);
  EXPECT_LT((codes.covariance - Eigen::MatrixXd::Identity(kCode, kCode)).cwiseAbs().maxCoeff(), 1e-3);
}

// Without a variance there is nothing to whiten: codes stay at their mean, and whatever the code, what is decoded is the one row, but for
// what training leaves.
TEST(AutoEncoderTest, CodesThatDoNotVaryAreDecodedAsOne) {
  Table rows{.rows = 100, .columns = 3};
  for (int row = 0; row < 100; ++row) rows.values.insert(rows.values.end(), {1, 2, 3});
  LatentSpace space = SmallSpace(std::make_shared<const Table>(rows));
  space.training_iterations = 500;
  const AutoEncoder coder(3, space);
  const StopLatch stop;
  const at::Tensor parameters = coder.Train(ViewOf(rows), space, /*seed=*/1, stop, IgnoreProgress).minimised.parameters;
  EXPECT_LT(coder.Encode(parameters, ViewOf(rows)).abs().max().item<double>(), 1e-3);
  EXPECT_LT((coder.Decode(parameters, at::full({50, kCode}, 3.0F)) - ViewOf(rows).narrow(0, 0, 1)).abs().max().item<double>(), 1e-2);
}

TEST(LatentFlowTest, DescendsTowardsTheDataAndDecodes) {
  const FlowSpec spec = LatentSpec();
  const StopLatch stop;
  int told = 0;
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, stop, [&](const InnerProgress& progress) {
    EXPECT_EQ(progress.step, 0);
    EXPECT_EQ(progress.total_iterations, spec.latent->training_iterations);
    told = std::max(told, progress.iteration);
  });
  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_EQ(told, spec.latent->training_iterations);
  EXPECT_LT(Find((*flow)->report(), "reconstruction_error")->value, 0.02);
  const double first = Find((*flow)->report(), "target_distance")->value;
  for (int step = 1; step <= spec.num_steps; ++step) {
    const absl::StatusOr<StepResult> result = (*flow)->Step(stop, IgnoreProgress);
    ASSERT_TRUE(result.ok() && !result->termination.has_value()) << result.status();
    EXPECT_TRUE(result->report.energy_inequality->holds);
    EXPECT_EQ(result->report.wasserstein_time, kCode * step * spec.sliced_step_size);
    EXPECT_FALSE(Find(result->report, "reconstruction_error").has_value());
  }
  // Steps of sliced time 1 halve the distance in each projection, so three leave a 64th of its square; small batches are asked for a quarter.
  EXPECT_LT(Find((*flow)->report(), "target_distance")->value, first / 4);
  const absl::StatusOr<SampleBatch> samples = (*flow)->Samples(50, 1);
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_EQ((*flow)->dimension(), kDimension);
  EXPECT_EQ(samples->values.size(), 50u * kDimension);
  EXPECT_FALSE((*flow)->has_density());
  EXPECT_TRUE(absl::IsFailedPrecondition((*flow)->LogDensity(std::vector<float>(kDimension, 0.0f)).status()));
}

// The initial distribution is in the latent space, and a data set is encoded; an entropy is that between codes.
TEST(LatentFlowTest, TakesInitialDistributionsOfCodesAndOfRows) {
  FlowSpec spec = LatentSpec();
  spec.terms.push_back({0.1, EntropyTerm{}});
  spec.latent->training_iterations = 50;
  spec.model = RealNvpModel{.couplings = 1, .hidden_width = 8};
  spec.num_steps = 1;
  const StopLatch stop;
  for (const InitialSpec& initial : {InitialSpec{Dirac{.point = {1, 1}}}, InitialSpec{Empirical{Plane(40)}}}) {
    spec.initial = initial;
    absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, stop);
    ASSERT_TRUE(flow.ok()) << flow.status();
    EXPECT_TRUE((*flow)->Step(stop, IgnoreProgress).ok());
  }
}

TEST(LatentFlowTest, StopsWhileItTrains) {
  StopLatch stop;
  const auto status = Flow::Create(LatentSpec(), stop, [&](const InnerProgress& progress) {
                        if (progress.iteration == 5) stop.Trigger();
                      }).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST(LatentFlowTest, RefusesWhatHasNoMeaningBetweenCodes) {
  using Change = void (*)(FlowSpec&);
  const std::pair<Change, const char*> changes[] = {
      {[](FlowSpec& spec) {
         spec.terms.push_back({1, RingPotential{.center = testing::Repeat(kDimension, 0)}});
       },
       "terms[1]"},
      {[](FlowSpec& spec) { spec.model = ParticlesModel{.count = 10}; }, "model.latent_flow"},
      {[](FlowSpec& spec) { spec.initial = testing::StandardGaussian(kDimension); }, "initial.gaussian.mean"},
      {[](FlowSpec& spec) { spec.metrics = {ClosedFormMetric{}}; }, "metrics[0]"},
      {[](FlowSpec& spec) { spec.latent->table = Plane(1); }, "model.latent_flow.dataset"},
      {[](FlowSpec& spec) {
         Table rows{.rows = 5, .columns = kDimension};
         rows.values.assign(5 * kDimension, 2.5F);
         spec.latent->table = std::make_shared<const Table>(std::move(rows));
       },
       "model.latent_flow.dataset: has rows that are all equal"},
      {[](FlowSpec& spec) { spec.latent->hidden_layers = 0; }, "model.latent_flow.hidden_layers"},
  };
  const StopLatch stop;
  for (const auto& [change, where] : changes) {
    FlowSpec spec = LatentSpec();
    change(spec);
    const absl::Status status = Flow::Create(spec, stop).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(where));
  }
}

// A checkpoint holds the auto-encoder: the flow goes on with the bits of one never disturbed.
TEST(LatentFlowTest, ResumesWithTheSameBits) {
  FlowSpec spec = LatentSpec();
  spec.latent->training_iterations = 50;
  const StopLatch never;
  const std::unique_ptr<Flow> undisturbed = *Flow::Create(spec, never);
  ASSERT_TRUE(undisturbed->Step(never, IgnoreProgress).ok());
  absl::StatusOr<std::unique_ptr<Flow>> resumed = Flow::Restore(spec, *undisturbed->Save());
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(*(*resumed)->Save(), *undisturbed->Save());
  ASSERT_TRUE(undisturbed->Step(never, IgnoreProgress).ok());
  ASSERT_TRUE((*resumed)->Step(never, IgnoreProgress).ok());
  EXPECT_EQ(*(*resumed)->Save(), *undisturbed->Save());
  EXPECT_EQ((*resumed)->Samples(20, std::nullopt)->values, undisturbed->Samples(20, std::nullopt)->values);

  spec.latent->training_iterations = 51;
  EXPECT_TRUE(absl::IsFailedPrecondition(Flow::Restore(spec, *undisturbed->Save()).status()));
}

}  // namespace
}  // namespace sliceflow::engine
