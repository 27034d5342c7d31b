// The order in time that a flow observes of itself, against schemes whose steps are known in closed form.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "server/engine/flow.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

constexpr int kSteps = 4;
constexpr double kTau = 0.1;

std::optional<Metric> Find(const StepReport& report, const std::string& name) {
  for (const Metric& metric : report.metrics) {
    if (metric.name == name) return metric;
  }
  return std::nullopt;
}

// Of |x|²/2 every particle's coordinate is multiplied by a factor that the scheme and its step alone determine. Plain descent at a
// constant rate, as large as the smallest τ allows, leaves nothing of the minimisation but rounding.
FlowSpec Contraction(int dimension, const SolverSpec& solver) {
  FlowSpec spec = testing::RingSpec(64);
  spec.dimension = dimension;
  spec.initial = testing::StandardGaussian(dimension);
  spec.terms = {{1, QuadraticPotential{.center = testing::Repeat(dimension, 0), .precision = testing::Identity(dimension)}}};
  spec.solver = solver;
  spec.sliced_step_size = kTau / dimension;
  spec.num_steps = kSteps;
  spec.step_halving = true;
  return spec;
}

// The curvature of the objective for one particle is (1.5/τ + 1)/n at most, 121/64 for the halves of the first step of τ/4.
InnerMinimisation Exact() {
  return {.iterations = 300,
          .optimizer = SgdOptions{.learning_rate = 0.5, .momentum = 0},
          .rate_schedule = RateSchedule::kConstant,
          .max_attempts = 1};
}

double Implicit(int steps, double tau) { return std::pow(1 / (1 + tau), steps); }
double Explicit(int steps, double tau) { return std::pow(1 - tau, steps); }
// (3 x − 4 x_k + x_{k−1})/(2τ) = −x after a first step of two halves, of which one is implicit.
double SecondOrder(int steps, double tau) {
  double last = 1;
  double now = (4 * Implicit(1, tau / 2) - 1) / (3 + tau);
  for (int i = 1; i < steps; ++i) last = std::exchange(now, (4 * now - last) / (3 + 2 * tau));
  return now;
}

struct Case {
  std::string name;
  FlowSpec spec;
  double (*factor)(int steps, double tau);
  double order;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

const Case kCases[] = {
    {"PairedJko", Contraction(2, PairedJkoSolver{.inner = Exact(), .order = 1}), Implicit, 1},
    {"PairedJkoOfSecondOrder", Contraction(2, PairedJkoSolver{.inner = Exact(), .order = 2}), SecondOrder, 2},
    // In one dimension a single direction is exact and the scheme is the classic one.
    {"SwJko", Contraction(1, SwJkoSolver{.inner = Exact(), .order = 1}), Implicit, 1},
    {"SwJkoOfSecondOrder", Contraction(1, SwJkoSolver{.inner = Exact(), .order = 2}), SecondOrder, 2},
    {"ExplicitEuler", Contraction(2, EulerMaruyamaSolver{.inner_iterations = 1}), Explicit, 1},
};

class StepHalvingTest : public ::testing::TestWithParam<Case> {};

TEST_P(StepHalvingTest, ObservesTheOrderOfTheScheme) {
  const Case& one = GetParam();
  const StopLatch stop;
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(one.spec, stop);
  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_EQ(Find((*flow)->report(), "step_halving_difference")->value, 0);
  EXPECT_FALSE(Find((*flow)->report(), "step_halving_order").has_value());
  for (int step = 1; step <= kSteps; ++step) {
    const absl::StatusOr<StepResult> result = (*flow)->Step(stop, IgnoreProgress);
    ASSERT_TRUE(result.ok() && !result->termination.has_value()) << result.status();
  }
  const double coarse = one.factor(kSteps, kTau) - one.factor(2 * kSteps, kTau / 2);
  const double fine = one.factor(2 * kSteps, kTau / 2) - one.factor(4 * kSteps, kTau / 4);
  const double expected = std::log2(coarse / fine);
  // The schemes are known, so what is left is float arithmetic: positions of order 1 with errors of 1e-7 a step under differences of 1e-4
  // and more, some parts in a thousand, of which the logarithm makes as much.
  EXPECT_NEAR(Find((*flow)->report(), "step_halving_order")->value, expected, 0.02);
  // And at τ = 0.1 the orders are near what they tend to; the start of second order errs to the other side and ends sooner.
  EXPECT_NEAR(expected, one.order, 0.3);
  // 64 samples of variance 1: their root mean square is within a third of 1.
  EXPECT_NEAR(Find((*flow)->report(), "step_halving_difference")->value / std::abs(coarse), 1, 0.34);
}

INSTANTIATE_TEST_SUITE_P(Schemes, StepHalvingTest, ::testing::ValuesIn(kCases), [](const auto& info) { return info.param.name; });

// What is asked for is answered by the flow of τ, whose figures are those of a flow without halving.
TEST(StepHalvingFlowTest, IsTheFlowOfTheStepAskedFor) {
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(2);
  spec.metrics = {MomentsMetric{}};
  const StopLatch stop;
  const std::unique_ptr<Flow> plain = *Flow::Create(spec, stop);
  spec.step_halving = true;
  const std::unique_ptr<Flow> halved = *Flow::Create(spec, stop);
  int iterations = 0;
  ASSERT_TRUE(plain->Step(stop, IgnoreProgress).ok());
  ASSERT_TRUE(halved->Step(stop, [&](const InnerProgress& progress) { iterations = std::max(iterations, progress.iteration); }).ok());
  EXPECT_EQ(halved->step(), 1);
  EXPECT_EQ(halved->report().energy, plain->report().energy);
  EXPECT_EQ(halved->report().wasserstein_time, plain->report().wasserstein_time);
  EXPECT_EQ(halved->Samples(30, 3)->values, plain->Samples(30, 3)->values);
  EXPECT_EQ(*halved->LogDensity({0, 0}), *plain->LogDensity({0, 0}));
  EXPECT_EQ(Find(halved->report(), "mean_norm")->value, Find(plain->report(), "mean_norm")->value);
  EXPECT_GE(iterations, 7 * 40);  // those of all flows
}

// Of second order each flow's first step goes in two halves: ten minimisations in all, then seven.
TEST(StepHalvingFlowTest, ProgressNeverPassesItsTotal) {
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(2);
  std::get<SwJkoSolver>(spec.solver).order = 2;
  spec.step_halving = true;
  const StopLatch stop;
  const std::unique_ptr<Flow> flow = *Flow::Create(spec, stop);
  for (const int minimisations : {10, 7}) {
    InnerProgress last;
    ASSERT_TRUE(flow->Step(stop,
                           [&](const InnerProgress& progress) {
                             EXPECT_EQ(progress.iteration, last.iteration + 1);
                             EXPECT_LE(progress.iteration, progress.total_iterations);
                             last = progress;
                           })
                    .ok());
    EXPECT_GE(last.iteration, minimisations * 40);
    EXPECT_EQ(last.total_iterations - last.iteration, 0);
  }
}

// A step that is stopped in the middle, when some of its flows have gone ahead, leaves all where they were.
TEST(StepHalvingFlowTest, StoppedStepChangesNothing) {
  FlowSpec spec = testing::RingSpec(30);
  spec.step_halving = true;
  const StopLatch never;
  const std::unique_ptr<Flow> flow = *Flow::Create(spec, never);
  ASSERT_TRUE(flow->Step(never, IgnoreProgress).ok());
  const std::string before = *flow->Save();
  StopLatch stop;
  const absl::StatusOr<StepResult> result = flow->Step(stop, [&](const InnerProgress& progress) {
    if (progress.iteration == 60) stop.Trigger();  // 40 are the first flow's
  });
  ASSERT_TRUE(result.ok());
  ASSERT_TRUE(result->termination.has_value());
  EXPECT_EQ(result->termination->step, 2);
  EXPECT_EQ(*flow->Save(), before);
}

TEST(StepHalvingFlowTest, IsRefusedWhereNoiseHidesTheSteps) {
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(2);
  spec.model = ParticlesModel{.count = 20};
  spec.step_halving = true;
  const StopLatch stop;
  for (const SolverSpec& solver : {SolverSpec{EulerMaruyamaSolver{}}, SolverSpec{MalaSolver{}}}) {
    spec.solver = solver;
    EXPECT_EQ(Flow::Create(spec, stop).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace sliceflow::engine
