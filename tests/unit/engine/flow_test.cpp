// The engine's face: what a caller of Flow sees.
#include "server/engine/flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using ::testing::HasSubstr;
using testing::OrnsteinUhlenbeckSpec;
using testing::RingSpec;
using ::testing::SizeIs;

const auto kIgnoreProgress = [](const InnerProgress&) {};

std::unique_ptr<Flow> MakeFlow(const FlowSpec& spec) {
  const StopLatch stop;
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, stop);
  EXPECT_TRUE(flow.ok()) << flow.status();
  return flow.ok() ? *std::move(flow) : nullptr;
}

StepReport MustStep(Flow& flow) {
  const StopLatch stop;
  absl::StatusOr<StepResult> result = flow.Step(stop, kIgnoreProgress);
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->termination.has_value()) << result->termination->detail;
  return result->report;
}

TEST(FlowTest, StartsAtTheInitialDistribution) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  const std::unique_ptr<Flow> flow = MakeFlow(spec);
  EXPECT_EQ(flow->step(), 0);
  EXPECT_EQ(flow->report().distance_squared, 0);
  // F(N(0, I)) = ½ tr A (I + b bᵀ) − log(2πe) = 4 − 2.8379, up to the evaluation batch's own error.
  const double exact = 4 - std::log(2 * M_PI * M_E);
  EXPECT_NEAR(flow->report().energy, exact, 4 * flow->report().energy_standard_error);
  EXPECT_GT(flow->report().energy_standard_error, 0);
  const absl::StatusOr<std::vector<float>> density = flow->LogDensity({0.0f, 0.0f, 1.0f, -2.0f});
  ASSERT_TRUE(density.ok());
  EXPECT_NEAR((*density)[0], -std::log(2 * M_PI), 1e-6);
  EXPECT_NEAR((*density)[1], -std::log(2 * M_PI) - 2.5, 1e-6);
}

TEST(FlowTest, StepsDescendAndReportBothClocks) {
  const std::unique_ptr<Flow> flow = MakeFlow(OrnsteinUhlenbeckSpec(2));
  double energy = flow->report().energy;
  for (int step = 1; step <= 3; ++step) {
    const StepReport report = MustStep(*flow);
    EXPECT_EQ(report.step, step);
    EXPECT_DOUBLE_EQ(report.sliced_time, 0.05 * step);
    EXPECT_DOUBLE_EQ(report.wasserstein_time, 0.1 * step);
    EXPECT_LT(report.energy, energy);
    EXPECT_TRUE(report.energy_inequality->holds) << report.energy_inequality->slack;
    EXPECT_GT(report.distance_squared, 0);
    EXPECT_THAT(report.term_energies, SizeIs(2));
    EXPECT_DOUBLE_EQ(report.term_energies[0] + report.term_energies[1], report.energy);
    energy = report.energy;
  }
  const StopLatch stop;
  EXPECT_EQ(flow->Step(stop, kIgnoreProgress).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(FlowTest, ProgressIsToldOfEveryIteration) {
  const std::unique_ptr<Flow> flow = MakeFlow(RingSpec(50));
  const StopLatch stop;
  int calls = 0;
  const auto progress = [&](const InnerProgress& inner) {
    ++calls;
    EXPECT_EQ(inner.iteration, calls);
    EXPECT_EQ(inner.step, 1);
    EXPECT_LE(inner.iteration, inner.total_iterations);
  };
  const absl::StatusOr<StepResult> result = flow->Step(stop, progress);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->report.inner_iterations, calls);
}

// Particles under ½|x|² alone from 10 e₁: the implicit step's minimum, x/(1 + τ), is known, and what is called converged is near it.
FlowSpec FarContraction(InnerMinimisation inner) {
  FlowSpec spec = RingSpec(64);
  spec.initial = Gaussian{.mean = {10, 0}, .covariance = testing::Identity(2, 0.01)};
  spec.terms = {{1, QuadraticPotential{.center = {0, 0}, .precision = testing::Identity(2)}}};
  spec.solver = PairedJkoSolver{.inner = inner, .order = 1};
  spec.sliced_step_size = 0.25;
  return spec;
}

// The same of second order, by descent that leaves nothing of the minimisation but rounding.
FlowSpec SecondOrderContraction() {
  FlowSpec spec = FarContraction({.iterations = 100,
                                  .optimizer = SgdOptions{.learning_rate = 5, .momentum = 0},
                                  .rate_schedule = RateSchedule::kConstant,
                                  .max_attempts = 1});
  std::get<PairedJkoSolver>(spec.solver).order = 2;
  return spec;
}

double MeanOfFirstCoordinate(Flow& flow) {
  const SampleBatch samples = *flow.Samples(64, std::nullopt);
  double sum = 0;
  for (size_t i = 0; i < samples.values.size(); i += 2) sum += samples.values[i];
  return sum / 64;
}

TEST(FlowTest, TheFirstStepOfSecondOrderIsReportedAsAWhole) {
  const std::unique_ptr<Flow> flow = MakeFlow(SecondOrderContraction());
  const StopLatch stop;
  const double start = MeanOfFirstCoordinate(*flow);
  int calls = 0;
  const absl::StatusOr<StepResult> first = flow->Step(stop, [&](const InnerProgress& inner) {
    EXPECT_EQ(inner.iteration, ++calls);
    EXPECT_EQ(inner.total_iterations, 200);
  });
  ASSERT_TRUE(first.ok() && !first->termination.has_value());
  EXPECT_EQ(first->report.inner_iterations, 200);
  EXPECT_EQ(calls, 200);
  // With τ = ½: x₁ = x₀/(1 + τ/2), then (3 x − 4 x₁ + x₀)/τ = −x.
  const double factor = (4 / 1.25 - 1) / 3.5;
  const double reached = MeanOfFirstCoordinate(*flow);
  EXPECT_NEAR(reached / start, factor, 1e-5);
  // Particles lie within 0.02 of 100 from the origin, squared.
  EXPECT_NEAR(first->report.distance_squared, 100 * std::pow(1 - factor, 2), 0.02 * 100 * std::pow(1 - factor, 2));
  ASSERT_TRUE(first->report.energy_inequality.has_value());
  EXPECT_TRUE(first->report.energy_inequality->holds);
  const absl::StatusOr<StepResult> second = flow->Step(stop, kIgnoreProgress);
  ASSERT_TRUE(second.ok() && !second->termination.has_value());
  EXPECT_EQ(second->report.inner_iterations, 100);
  EXPECT_NEAR(MeanOfFirstCoordinate(*flow) / start, (4 * factor - 1) / 4, 1e-5);
}

TEST(FlowTest, AFirstStepStoppedInItsSecondHalfChangesNothing) {
  const std::unique_ptr<Flow> flow = MakeFlow(SecondOrderContraction());
  const std::string before = *flow->Save();
  StopLatch stop;
  const absl::StatusOr<StepResult> result = flow->Step(stop, [&](const InnerProgress& inner) {
    if (inner.iteration == 150) stop.Trigger();
  });
  ASSERT_TRUE(result.ok() && result->termination.has_value());
  EXPECT_EQ(flow->step(), 0);
  EXPECT_EQ(*flow->Save(), before);
}

TEST(FlowTest, ConvergedIsSaidOfStepsThatReachTheirMinimum) {
  const std::unique_ptr<Flow> flow = MakeFlow(FarContraction({.iterations = 300, .optimizer = AdamOptions{.learning_rate = 0.1}}));
  EXPECT_TRUE(MustStep(*flow).converged);
  EXPECT_NEAR(MeanOfFirstCoordinate(*flow), 10 / 1.5, 0.1);
}

TEST(FlowTest, ConvergedIsNotSaidOfStepsThatAreOnTheirWay) {
  const InnerMinimisation on_the_way[] = {
      {.iterations = 200, .optimizer = AdamOptions{.learning_rate = 0.005}},
      {.iterations = 200, .optimizer = AdamOptions{.learning_rate = 0.005}, .tolerance = 0.01},
      {.iterations = 200, .optimizer = AdamOptions{.learning_rate = 1e-9}, .tolerance = 0.01},
      {.iterations = 1, .optimizer = AdamOptions{.learning_rate = 0.1}},
  };
  for (const InnerMinimisation& inner : on_the_way) {
    const std::unique_ptr<Flow> flow = MakeFlow(FarContraction(inner));
    EXPECT_FALSE(MustStep(*flow).converged) << inner.iterations << " iterations, tolerance " << inner.tolerance;
    EXPECT_GT(MeanOfFirstCoordinate(*flow), 9);
  }
}

// F = −½|x|² with a step longer than 1 has no minimum.
TEST(FlowTest, ConvergedIsNotSaidOfAnEnergyWithoutABound) {
  FlowSpec spec = FarContraction({.iterations = 100, .optimizer = AdamOptions{.learning_rate = 0.1}});
  spec.terms[0].weight = -1;
  spec.sliced_step_size = 2.5;
  const std::unique_ptr<Flow> flow = MakeFlow(spec);
  EXPECT_FALSE(MustStep(*flow).converged);
}

TEST(FlowTest, TheFitTellsItsProgress) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.initial = Dirac{.point = {1, 2}};
  const StopLatch stop;
  int calls = 0;
  const auto progress = [&](const InnerProgress& inner) {
    EXPECT_EQ(inner.step, 0);
    EXPECT_EQ(inner.iteration, ++calls);
  };
  const absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, stop, progress);
  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_EQ((*flow)->report().inner_iterations, calls);
}

TEST(FlowTest, StoppedStepLeavesTheFlowWhereItWas) {
  const std::unique_ptr<Flow> flow = MakeFlow(OrnsteinUhlenbeckSpec(2));
  const std::string before = *flow->Save();
  StopLatch stop;
  const auto progress = [&](const InnerProgress& inner) {
    if (inner.iteration == 5) stop.Trigger();
  };
  const absl::StatusOr<StepResult> result = flow->Step(stop, progress);
  ASSERT_TRUE(result.ok());
  ASSERT_TRUE(result->termination.has_value());
  EXPECT_EQ(result->termination->reason, Termination::Reason::kStopped);
  EXPECT_EQ(result->termination->step, 1);
  EXPECT_EQ(*flow->Save(), before);
}

TEST(FlowTest, RefusesACallWhileAnotherRuns) {
  const std::unique_ptr<Flow> flow = MakeFlow(RingSpec(20));
  const StopLatch stop;
  absl::Status inside;
  const auto progress = [&](const InnerProgress&) { inside = flow->Samples(1, 1).status(); };
  ASSERT_TRUE(flow->Step(stop, progress).ok());
  EXPECT_EQ(inside.code(), absl::StatusCode::kFailedPrecondition);
}

TEST(FlowTest, SamplesFollowTrajectoriesAndSeeds) {
  const std::unique_ptr<Flow> flow = MakeFlow(OrnsteinUhlenbeckSpec(3));
  const SampleBatch few = *flow->Samples(100, std::nullopt);
  const SampleBatch many = *flow->Samples(3000, std::nullopt);
  EXPECT_THAT(few.values, SizeIs(300));
  // A longer draw begins with the rows of a shorter one.
  EXPECT_TRUE(std::equal(few.values.begin(), few.values.end(), many.values.begin()));
  EXPECT_EQ(flow->Samples(10, 5)->values, flow->Samples(10, 5)->values);
  EXPECT_NE(flow->Samples(10, 5)->values, flow->Samples(10, 6)->values);
  EXPECT_EQ(flow->Samples(0, 5).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(FlowTest, ParticlesAreDrawnWithoutReplacement) {
  const std::unique_ptr<Flow> flow = MakeFlow(RingSpec(30));
  const SampleBatch all = *flow->Samples(30, std::nullopt);
  const SampleBatch shuffled = *flow->Samples(30, 3);
  std::vector<float> a = all.values;
  std::vector<float> b = shuffled.values;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  EXPECT_EQ(a, b);
  EXPECT_EQ(flow->Samples(31, 3).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(flow->LogDensity({0.0f, 0.0f}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(FlowTest, DensityOutsideABoxIsZero) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.initial = UniformBox{.lower = {0, 0}, .upper = {2, 4}};
  const std::unique_ptr<Flow> flow = MakeFlow(spec);
  const std::vector<float> density = *flow->LogDensity({1.0f, 1.0f, 3.0f, 1.0f});
  EXPECT_NEAR(density[0], -std::log(8), 1e-6);
  EXPECT_EQ(density[1], -std::numeric_limits<float>::infinity());
}

TEST(FlowTest, RefusesPointsThatAreNotFiniteOrDoNotFit) {
  const std::unique_ptr<Flow> flow = MakeFlow(OrnsteinUhlenbeckSpec(2));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(flow->LogDensity({0.0f, nan}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(flow->LogDensity({0.0f, 1.0f, 2.0f}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(flow->LogDensity({}).status().code(), absl::StatusCode::kInvalidArgument);
}

// A learning rate far too large throws the particles out; what drove them is named and the flow stays where it was.
TEST(FlowTest, DivergenceIsNamedAndLeavesTheStepBefore) {
  FlowSpec spec = RingSpec(20);
  std::get<SwJkoSolver>(spec.solver).inner.optimizer = AdamOptions{.learning_rate = 1e30};
  const std::unique_ptr<Flow> flow = MakeFlow(spec);
  const double energy = flow->report().energy;
  const StopLatch stop;
  const absl::StatusOr<StepResult> result = flow->Step(stop, kIgnoreProgress);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(result->termination.has_value());
  EXPECT_EQ(result->termination->reason, Termination::Reason::kDiverged);
  EXPECT_EQ(result->termination->step, 1);
  EXPECT_DOUBLE_EQ(result->termination->last_finite_energy, energy);
  EXPECT_FALSE(result->termination->term.empty());
  EXPECT_EQ(flow->step(), 0);
  EXPECT_TRUE(flow->Samples(20, 1).ok());
}

// A weight so large that its gradient overflows.
TEST(FlowTest, ATermWithAnInfiniteGradientIsNamed) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.terms[0].weight = 1e30;
  const std::unique_ptr<Flow> flow = MakeFlow(spec);
  const StopLatch stop;
  const absl::StatusOr<StepResult> result = flow->Step(stop, kIgnoreProgress);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(result->termination.has_value());
  EXPECT_EQ(result->termination->term, "terms[0].potential.quadratic");
  EXPECT_THAT(result->termination->detail, HasSubstr("gradient"));
}

// A functional without a minimum: particles fly apart, each step lowering the energy, until they are ten thousand times as far as they began.
TEST(FlowTest, SamplesThatFlyApartAreADivergence) {
  FlowSpec spec = RingSpec(20);
  spec.terms = {{-1, QuadraticPotential{.center = {0, 0}, .precision = {1, 0, 0, 1}}}};
  std::get<SwJkoSolver>(spec.solver).inner.optimizer = AdamOptions{.learning_rate = 10};
  spec.num_steps = 400;
  const std::unique_ptr<Flow> flow = MakeFlow(spec);
  const StopLatch stop;
  std::optional<Termination> termination;
  for (int step = 0; step < spec.num_steps && !termination.has_value(); ++step) {
    const absl::StatusOr<StepResult> result = flow->Step(stop, kIgnoreProgress);
    ASSERT_TRUE(result.ok()) << result.status();
    termination = result->termination;
  }
  ASSERT_TRUE(termination.has_value());
  EXPECT_EQ(termination->reason, Termination::Reason::kDiverged);
  EXPECT_THAT(termination->detail, HasSubstr("further out"));
}

}  // namespace
}  // namespace sliceflow::engine
