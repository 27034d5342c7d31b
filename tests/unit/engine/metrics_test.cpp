// Metrics of a step against closed forms, where ρ is known: at step 0, or of a scheme whose laws are.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "server/engine/flow.h"
#include "server/engine/metrics/closed_form.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using ::testing::HasSubstr;
using testing::Identity;
using testing::OrnsteinUhlenbeckSpec;
using testing::Repeat;
using testing::RingSpec;
using testing::StandardGaussian;

absl::StatusOr<std::unique_ptr<Flow>> Create(const FlowSpec& spec) {
  const StopLatch stop;
  return Flow::Create(spec, stop);
}

Metric Figure(const FlowSpec& spec, const std::string& name) {
  const auto flow = Create(spec);
  EXPECT_TRUE(flow.ok()) << flow.status();
  if (!flow.ok()) return {};
  for (const Metric& metric : (*flow)->report().metrics) {
    if (metric.name == name) return metric;
  }
  ADD_FAILURE() << "no figure " << name;
  return {};
}

GaussianMixture Corners(const std::vector<double>& weights) {
  GaussianMixture mixture;
  for (size_t i = 0; i < weights.size(); ++i) {
    const std::vector<double> mean{i % 2 == 0 ? 4.0 : -4.0, i < 2 ? 4.0 : -4.0};
    mixture.components.push_back({weights[i], {mean, Identity(2, 0.2)}});
  }
  return mixture;
}

TEST(RelativeEntropyToTargetMetricTest, IsTheClosedFormBetweenGaussians) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.metrics = {RelativeEntropyToTargetMetric{{{{1, {Repeat(2, 1), Identity(2, 0.5)}}}}}};
  // KL(N(0, I) ‖ N(m, I/2)) = ½ (2 d + 2 |m|² − d − d log 2) with d = |m|² = 2.
  const Metric kl = Figure(spec, "kl_to_target");
  EXPECT_NEAR(kl.value, 0.5 * (4 + 4 - 2 - 2 * std::log(2)), 4 * kl.standard_error);
  EXPECT_LT(kl.standard_error, 0.05);
  // 1/∫π²/ρ, in each coordinate ∫π²/ρ = √(4/3) e^{2/3}. The weights' squares have no variance, so 20000 samples know it to a tenth or so.
  EXPECT_NEAR(Figure(spec, "effective_sample_size").value, 0.75 * std::exp(-4.0 / 3), 0.03);
}

TEST(RelativeEntropyToTargetMetricTest, IsZeroAtTheTargetAndRefusedWithoutADensity) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  const GaussianMixture target{{{1, StandardGaussian(2)}}};
  spec.metrics = {RelativeEntropyToTargetMetric{target}};
  // Both log-densities are those of one law: what is left is float rounding.
  EXPECT_NEAR(Figure(spec, "kl_to_target").value, 0, 1e-5);
  EXPECT_NEAR(Figure(spec, "effective_sample_size").value, 1, 1e-5);
  spec = RingSpec(10);
  spec.metrics = {RelativeEntropyToTargetMetric{target}};
  EXPECT_THAT(Create(spec).status().message(), HasSubstr("metrics[0].relative_entropy_to_target: needs a model with a density"));
  spec.metrics = {ModeCoverageMetric{{{{-1, StandardGaussian(2)}}}}};
  EXPECT_THAT(Create(spec).status().message(), HasSubstr("metrics[0].mode_coverage.target.components[0].weight"));
}

// A target that is 0 at every sample in float has a divergence that is no number in float: that is an error, not a figure.
TEST(RelativeEntropyToTargetMetricTest, ThatIsNoNumberIsRefusedByName) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.metrics = {RelativeEntropyToTargetMetric{{{{1, {Repeat(2, 0), Identity(2, 1e-44)}}}}}};
  const absl::Status status = Create(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("metrics: at the initial distribution the metric kl_to_target is inf ± nan"));
}

TEST(ModeCoverageMetricTest, CountsComponentsThatHoldHalfTheirWeight) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.initial = Corners({1, 1});
  spec.metrics = {ModeCoverageMetric{Corners({1, 1, 1, 1})}};
  EXPECT_EQ(Figure(spec, "mode_coverage").value, 0.5);
  spec.metrics = {ModeCoverageMetric{Corners({1, 1})}};
  EXPECT_EQ(Figure(spec, "mode_coverage").value, 1);
  // The first holds .8 of the mass, the second .2, less than half of its .5.
  spec.initial = Corners({8, 2});
  EXPECT_EQ(Figure(spec, "mode_coverage").value, 0.5);
}

// Particles that start on the rows of a table, so that ρ is the table.
FlowSpec OnRows(std::vector<float> values) {
  FlowSpec spec = RingSpec(static_cast<int64_t>(values.size()) / 2);
  const int64_t rows = static_cast<int64_t>(values.size()) / 2;
  spec.initial = Empirical{std::make_shared<const Table>(Table{.rows = rows, .columns = 2, .values = std::move(values)})};
  return spec;
}

TEST(TargetDistanceMetricTest, ToATranslateIsTheSquareOverTheDimension) {
  FlowSpec spec = OnRows({0, 0, 1, 0, 0, 1, 3, 2});
  const Table moved{.rows = 4, .columns = 2, .values = {3, 4, 4, 4, 3, 5, 6, 6}};
  spec.metrics = {TargetDistanceMetric{std::make_shared<const Table>(moved), 40}};
  // Equally spaced angles integrate ⟨θ, v⟩² exactly: |(3, 4)|²/2 up to float rounding.
  EXPECT_NEAR(Figure(spec, "target_distance").value, 12.5, 1e-4);
}

TEST(MomentsMetricTest, AreThoseOfTheParticles) {
  FlowSpec spec = OnRows({2, 4, 4, 4, 2, 8, 4, 8});
  spec.metrics = {MomentsMetric{}};
  // The mean is (3, 6), the coordinates' variances are 1 and 4, and every particle is √5 from the mean.
  EXPECT_NEAR(Figure(spec, "mean_norm").value, std::sqrt(45), 1e-12);
  EXPECT_NEAR(Figure(spec, "variance_norm").value, std::sqrt(17), 1e-12);
  EXPECT_NEAR(Figure(spec, "second_moment").value, 5, 1e-12);
  EXPECT_NEAR(Figure(spec, "second_moment").standard_error, 0, 1e-12);
}

// KL(p‖q) + KL(q‖p) of Gaussians on the line.
double SymmetricKlOnTheLine(double m, double v, double n, double w) {
  return 0.5 * (v / w + w / v + (m - n) * (m - n) * (1 / v + 1 / w)) - 1;
}

// Of four points, whose moments are what they are. dX = −c₁a(X − b)dt + √(2c₂) dB in each coordinate, with c₁ = 2 and c₂ = ½: the mean of a
// coordinate is b + e^{−c₁at}(m₀ − b) and its variance e^{−2c₁at} v₀ + (c₂/(c₁a))(1 − e^{−2c₁at}).
TEST(ClosedFormMetricTest, IsTheDivergenceFromOrnsteinUhlenbeckAtItsTime) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.initial = Gaussian{.mean = {1, -2}, .covariance = {0.5, 0, 0, 1.5}};
  spec.terms = {{0.5, EntropyTerm{}}, {2, QuadraticPotential{.center = {0.5, 1}, .precision = {1.5, 0, 0, 0.8}}}};
  const ClosedForm metric(spec);
  // Corners of a rectangle about (1, −2): means (1, −2), variances 0.25 and 4.
  const Batch corners{.x = at::tensor({0.5f, 0.0f, 1.5f, 0.0f, 0.5f, -4.0f, 1.5f, -4.0f}, at::kFloat).view({4, 2}), .log_density = {}};
  for (const double t : {0.0, 0.1, 0.7, 40.0}) {
    double exact = 0;
    const double rates[2] = {2 * 1.5, 2 * 0.8};
    const double centers[2] = {0.5, 1};
    const double means[2] = {1, -2};
    const double starts[2] = {0.5, 1.5};
    const double variances[2] = {0.25, 4};
    for (int k = 0; k < 2; ++k) {
      const double decay = std::exp(-rates[k] * t);
      const double mean = centers[k] + decay * (means[k] - centers[k]);
      const double variance = decay * decay * starts[k] + 0.5 / rates[k] * (1 - decay * decay);
      exact += SymmetricKlOnTheLine(means[k], variances[k], mean, variance);
    }
    const std::vector<Metric> figures = metric.Compute(corners, t);
    ASSERT_EQ(figures.size(), 1u);
    EXPECT_EQ(figures[0].name, "closed_form_symmetric_kl");
    EXPECT_NEAR(figures[0].value, exact, 1e-9 * (1 + exact)) << t;  // in double; the corners are exact in float
  }
}

// Through a flow whose law is known at every step: one explicit move of size .4 takes particles from N(0, 1) to mean .8 and variance
// (1 − .8)² + .8 = .84 in both coordinates, where the process would be at 1 − e^{−.8} and ½(1 + e^{−1.6}).
TEST(ClosedFormMetricTest, FollowsAFlowInTheWassersteinClock) {
  constexpr int kParticles = 8000;
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.model = ParticlesModel{.count = kParticles};
  spec.solver = EulerMaruyamaSolver{.inner_iterations = 1};
  spec.sliced_step_size = 0.4 / 2;
  spec.metrics = {ClosedFormMetric{}};
  const auto flow = Create(spec);
  ASSERT_TRUE(flow.ok()) << flow.status();
  // The fit of n samples alone adds about d(d + 3)/(2n), here .0006, and seldom four times that.
  EXPECT_GE((*flow)->report().metrics.at(0).value, 0);
  EXPECT_LE((*flow)->report().metrics.at(0).value, 0.0025);
  const StopLatch stop;
  const absl::StatusOr<StepResult> step = (*flow)->Step(stop, [](const InnerProgress&) {});
  ASSERT_TRUE(step.ok()) << step.status();
  const double exact = 2 * SymmetricKlOnTheLine(0.8, 0.84, 1 - std::exp(-0.8), 0.5 * (1 + std::exp(-1.6)));
  // .29. To first order, means good to √(.84/n) move it by .7 of that in each coordinate and variances good to .84 √(2/n) by .2 of that:
  // .011 together, of which four are allowed. At half or twice the time it would be .59 or .23.
  EXPECT_NEAR(step->report.metrics.at(0).value, exact, 0.044);
}

}  // namespace
}  // namespace sliceflow::engine
