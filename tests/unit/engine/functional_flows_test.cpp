// Flows of functionals whose course is known in closed form.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "server/engine/flow.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

class FunctionalFlowTest : public ::testing::Test {
 protected:
  static InnerMinimisation Minimisation() {
    return {.iterations = 100, .batch_size = 256, .optimizer = AdamOptions{.learning_rate = 0.01}, .max_attempts = 2};
  }

  // RealNVP from the standard Gaussian, Wasserstein step 0.1, minimised well.
  static FlowSpec Spec(int dimension, std::vector<WeightedTerm> terms) {
    FlowSpec spec = testing::OrnsteinUhlenbeckSpec(dimension);
    spec.terms = std::move(terms);
    spec.solver = SwJkoSolver{.inner = Minimisation(), .num_projections = 50};
    return spec;
  }

  void Start(const FlowSpec& spec) {
    absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, stop_);
    ASSERT_TRUE(flow.ok()) << flow.status();
    flow_ = *std::move(flow);
  }

  StepReport Step() {
    absl::StatusOr<StepResult> result = flow_->Step(stop_, [](const InnerProgress&) {});
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_FALSE(result->termination.has_value()) << result->termination->detail;
    return result->report;
  }

  // E|x|² over samples that follow their trajectories, so that differences between steps have little noise.
  double SecondMoment(int count = 20'000) {
    const SampleBatch samples = *flow_->Samples(count, std::nullopt);
    double sum = 0;
    for (const float value : samples.values) sum += static_cast<double>(value) * value;
    return sum / static_cast<double>(samples.count);
  }

  const StopLatch stop_{};
  std::unique_ptr<Flow> flow_;
};

// The heat equation keeps N(0, s²I) Gaussian. The step's own minimum, s_{k+1} = ½ (s_k + √(s_k² + 4τ)), τ the Wasserstein step, is exact for
// isotropic Gaussians in the sliced geometry too; s² = s₀² + 2t is what it tends to for small τ.
TEST_F(FunctionalFlowTest, HeatSpreadsAGaussian) {
  Start(Spec(2, {{1, EntropyTerm{}}}));
  double s = 1;
  for (int step = 1; step <= 3; ++step) {
    const StepReport report = Step();
    EXPECT_TRUE(report.energy_inequality->holds);
    s = 0.5 * (s + std::sqrt(s * s + 0.4));
    // 20,000 samples tell a variance to 1 %; Adam's noise at batches of 256 is as large.
    EXPECT_NEAR(SecondMoment() / 2, s * s, 0.03 * s * s) << step;
    EXPECT_NEAR(report.energy, -std::log(2 * M_PI * M_E * s * s), 0.05) << step;
    // The first-order scheme lags behind 1 + 2t by less than τ².
    EXPECT_NEAR(s * s, 1 + 2 * report.wasserstein_time, 0.03);
  }
}

// The classic scheme follows the heat equation from any Gaussian: N(m, Σ + 2tI).
TEST_F(FunctionalFlowTest, HeatOfTheClassicSchemeAddsToTheCovariance) {
  FlowSpec spec = Spec(2, {{1, EntropyTerm{}}});
  spec.initial = Gaussian{.mean = {1, -2}, .covariance = {1, 0.3, 0.3, 0.4}};
  spec.solver = PairedJkoSolver{.inner = Minimisation(), .order = 2};
  Start(spec);
  double time = 0;
  for (int step = 1; step <= 3; ++step) time = Step().wasserstein_time;
  EXPECT_DOUBLE_EQ(time, 0.3);
  const SampleBatch samples = *flow_->Samples(20'000, std::nullopt);
  double mean[2] = {0, 0};
  double second[3] = {0, 0, 0};
  for (size_t i = 0; i < samples.values.size(); i += 2) {
    const double x = samples.values[i] - 1.0;
    const double y = samples.values[i + 1] + 2.0;
    mean[0] += x / 20'000;
    mean[1] += y / 20'000;
    second[0] += x * x / 20'000;
    second[1] += x * y / 20'000;
    second[2] += y * y / 20'000;
  }
  // Of 20,000 samples means are good to .009 and variances to 1 %; Adam's noise at batches of 256 is larger: 4 % of a deviation and 4 % of a
  // variance. The step's own error, of second order, is below .01.
  EXPECT_NEAR(mean[0], 0, 0.05);
  EXPECT_NEAR(mean[1], 0, 0.05);
  EXPECT_NEAR(second[0], 1.6, 0.08);
  EXPECT_NEAR(second[1], 0.3, 0.05);
  EXPECT_NEAR(second[2], 1.0, 0.05);
}

// In one dimension SW2 is W2, and at the minimum of a step (x − T)/τ = −∇ m ρ^{m−1}/(m − 1), whence the balance of second moments
// E|x_{k+1}|² − E|x_k|² = 2 τ d (m − 1) F(ρ_{k+1}) − W2².
TEST_F(FunctionalFlowTest, PorousMediumBalancesItsSecondMoment) {
  Start(Spec(1, {{1, PorousMediumTerm{.exponent = 2}}}));
  double moment = SecondMoment();
  double energy = flow_->report().energy;
  EXPECT_NEAR(energy, 1 / std::sqrt(4 * M_PI), 4 * flow_->report().energy_standard_error);  // ∫ρ² of N(0, 1)
  for (int step = 1; step <= 3; ++step) {
    const StepReport report = Step();
    EXPECT_LT(report.energy, energy);
    EXPECT_TRUE(report.energy_inequality->holds);
    const double next = SecondMoment();
    const double growth = 2 * 0.1 * report.energy - report.distance_squared;
    EXPECT_NEAR(next - moment, growth, 0.15 * growth) << step;  // of a step of 5 % of the variance, minimised to a percent of that variance
    moment = next;
    energy = report.energy;
  }
}

// Keller–Segel of unit mass in the plane: d/dt E|x|² = 4(1 − χ/8π), so that it spreads below χ = 8π and collapses above. Of n particles the
// interaction has n(n − 1) pairs in place of n², which 1 − 1/n is for.
TEST_F(FunctionalFlowTest, KellerSegelMovesItsSecondMoment) {
  constexpr int kParticles = 2000;
  for (const double share : {0.5, 1.5}) {
    FlowSpec spec = testing::OrnsteinUhlenbeckSpec(2);
    spec.terms = {{1, KellerSegelInteraction{.chi = share * 8 * M_PI}}, {1, EntropyTerm{}}};
    spec.model = ParticlesModel{.count = kParticles};
    spec.solver = EulerMaruyamaSolver{.inner_iterations = 10};
    Start(spec);
    const double before = SecondMoment(kParticles);
    double time = 0;
    for (int step = 1; step <= 2; ++step) time = Step().wasserstein_time;
    const double growth = 4 * time * (1 - share * (1 - 1.0 / kParticles));
    // The noise adds a martingale with variance 8 ∫E|x|² dt / n, about 8 · .2 · 2/2000: .04, of which four are allowed. The growth is ±.4.
    EXPECT_NEAR(SecondMoment(kParticles) - before, growth, 0.16) << share;
  }
}

// Without an entropy the step of a quadratic potential is x ↦ b + (x − b)/(1 + τa), τ the Wasserstein step however long: on the line, where
// SW2 is W2, for any law; and for a point in any dimension, whose move by v costs |v|²/d, so that the sliced clock runs d times slower.
TEST_F(FunctionalFlowTest, QuadraticPotentialContractsExactly) {
  struct Case {
    int dimension;
    int64_t particles;
    InitialSpec initial;
  };
  for (const Case& c : {Case{1, 200, testing::StandardGaussian(1)}, Case{3, 1, Dirac{.point = {1, -2, 0}}}}) {
    const double a = 2;
    const double b = 0.5;
    FlowSpec spec = testing::OrnsteinUhlenbeckSpec(c.dimension);
    spec.initial = c.initial;
    spec.terms = {{1, QuadraticPotential{.center = testing::Repeat(c.dimension, b), .precision = testing::Identity(c.dimension, a)}}};
    spec.model = ParticlesModel{.count = c.particles};
    spec.solver =
        SwJkoSolver{.inner = {.iterations = 300, .optimizer = AdamOptions{.learning_rate = 0.05}}, .order = 1, .num_projections = 30};
    const double tau = 1.5;
    spec.sliced_step_size = tau / c.dimension;
    spec.num_steps = 2;
    Start(spec);
    // On the line particles stand for each other, so they are taken in order; the point is one of its own.
    const auto positions = [&] {
      std::vector<float> values = flow_->Samples(c.particles, std::nullopt)->values;
      if (c.dimension == 1) std::sort(values.begin(), values.end());
      return values;
    };
    std::vector<float> before = positions();
    for (int step = 1; step <= 2; ++step) {
      const StepReport report = Step();
      EXPECT_DOUBLE_EQ(report.wasserstein_time, tau * step);
      EXPECT_DOUBLE_EQ(report.sliced_time * c.dimension, tau * step);
      const std::vector<float> now = positions();
      // The objective is quadratic: what Adam leaves, its last rate being .0005, is below two of its moves.
      for (size_t i = 0; i < now.size(); ++i) EXPECT_NEAR(now[i], b + (before[i] - b) / (1 + tau * a), 0.001) << c.dimension << ", " << i;
      before = now;
    }
  }
}

// KL to the target falls towards 0 and never below it but for its error.
TEST_F(FunctionalFlowTest, RelativeEntropyFallsToZero) {
  FlowSpec spec = Spec(2, {{1, RelativeEntropyTerm{QuadraticPotential{.center = {1, 1}, .precision = testing::Identity(2, 2)}}}});
  spec.sliced_step_size = 0.25;
  Start(spec);
  // ½ (tr A + bᵀAb − d − log det A) = ½ (4 + 4 − 2 − log 4).
  EXPECT_NEAR(flow_->report().energy, 0.5 * (6 - std::log(4)), 4 * flow_->report().energy_standard_error);
  StepReport report;
  for (int step = 1; step <= 3; ++step) report = Step();
  // Each implicit step halves the mean's distance from b (1 + τ·2 = 2), and so divides its share of the divergence, 2, by four.
  EXPECT_NEAR(report.energy, 2.0 / 64, 0.02);
  EXPECT_GE(report.energy, -4 * report.energy_standard_error);
}

// Aggregation by random pairs goes where aggregation by all pairs goes: the ring of radius 1/√3.
TEST_F(FunctionalFlowTest, RandomPairsAggregateOnTheRing) {
  FlowSpec spec = testing::RingSpec(200);
  spec.initial = Gaussian{.mean = {0, 0}, .covariance = testing::Identity(2, 0.25)};
  spec.terms = {{1, PowerLawInteraction{.random_pairs = 2000}}};
  spec.sliced_step_size = 0.5;
  spec.num_steps = 8;
  spec.metrics = {RadiusMetric{}};
  Start(spec);
  StepReport report;
  for (int step = 1; step <= 8; ++step) report = Step();
  EXPECT_NEAR(report.metrics[0].value, 1 / std::sqrt(3.0), 0.05 / std::sqrt(3.0));
}

// Particles a few units away find the rows: the mean arrives, and the energy distance falls to a hundredth.
TEST_F(FunctionalFlowTest, EnergyDistanceDrawsParticlesToData) {
  FlowSpec spec = testing::RingSpec(100);
  spec.initial = Gaussian{.mean = {3, -3}, .covariance = testing::Identity(2)};
  const auto table = std::make_shared<Table>(Table{.rows = 4, .columns = 2, .values = {0, 0, 1, 0, 0, 1, 1, 1}});
  spec.terms = {{1, EnergyDistanceTerm{table}}};
  spec.solver =
      SwJkoSolver{.inner = {.iterations = 60, .batch_size = 100, .optimizer = AdamOptions{.learning_rate = 0.1}}, .num_projections = 30};
  spec.sliced_step_size = 2;
  spec.num_steps = 6;
  Start(spec);
  double energy = flow_->report().energy;
  const double first = energy;
  for (int step = 1; step <= 6; ++step) {
    const StepReport report = Step();
    EXPECT_LT(report.energy, energy) << step;
    energy = report.energy;
  }
  EXPECT_LT(energy, 0.02 * first);
}

}  // namespace
}  // namespace sliceflow::engine
