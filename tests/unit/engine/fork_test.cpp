// Going on from another flow's checkpoint: the same bits where nothing is replaced, and closed forms where something is.
#include "server/engine/fork.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/engine/flow.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using testing::OrnsteinUhlenbeckSpec;
using testing::Repeat;
using testing::RingSpec;

const auto kIgnoreProgress = [](const InnerProgress&) {};

std::unique_ptr<Flow> MakeFlow(const FlowSpec& spec) {
  const StopLatch stop;
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, stop);
  EXPECT_TRUE(flow.ok()) << flow.status();
  return *std::move(flow);
}

StepReport Advance(Flow& flow) {
  const StopLatch stop;
  const absl::StatusOr<StepResult> result = flow.Step(stop, kIgnoreProgress);
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->termination.has_value()) << result->termination->detail;
  return result->report;
}

// `spec` as a fork that begins where `flow` stands.
FlowSpec ForkedAt(FlowSpec spec, const Flow& flow) {
  spec.origin = ForkOrigin{.step = flow.step(), .sliced_time = flow.report().sliced_time};
  return spec;
}

std::unique_ptr<Flow> Fork(const FlowSpec& spec, const FlowSpec& parent, const Flow& flow) {
  absl::StatusOr<std::unique_ptr<Flow>> fork = Flow::Fork(spec, parent, *flow.Save());
  EXPECT_TRUE(fork.ok()) << fork.status();
  return *std::move(fork);
}

std::vector<float> Trajectories(Flow& flow) { return flow.Samples(20, std::nullopt)->values; }

FlowSpec FittedSpec() {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.initial = Ring{.center = {0, 0}, .radius = 1, .thickness = 0.2};
  return spec;
}

FlowSpec MalaSpec() {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.solver = MalaSolver{.inner_iterations = 5};
  spec.model = ParticlesModel{.count = 40};
  return spec;
}

FlowSpec SecondOrderSpec(FlowSpec spec) {
  spec.solver = PairedJkoSolver{.inner = testing::QuickMinimisation(), .order = 2};
  return spec;
}

FlowSpec HalvedSpec(FlowSpec spec) {
  spec.step_halving = true;
  return spec;
}

FlowSpec ChainSpec() {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.solver = JkoIcnnSolver{.inner = {.iterations = 10, .batch_size = 64}};
  spec.model = IcnnModel{.hidden_layers = 1, .hidden_width = 8};
  return spec;
}

FlowSpec LatentSpec() {
  FlowSpec spec;
  spec.dimension = 4;
  std::vector<float> rows;
  for (int i = 0; i < 240; ++i) rows.push_back(static_cast<float>(std::sin(0.37 * i) + 0.2 * (i % 4)));
  const auto table = std::make_shared<const Table>(Table{.rows = 60, .columns = 4, .values = rows});
  spec.initial = testing::StandardGaussian(2);
  spec.terms = {{1, SlicedWassersteinTerm{.table = table, .num_projections = 20}}};
  spec.solver = testing::QuickSolver();
  spec.model = RealNvpModel{.couplings = 2, .hidden_width = 8};
  spec.sliced_step_size = 0.1;
  spec.num_steps = 3;
  spec.latent = LatentSpace{.table = table, .dimension = 2, .hidden_width = 8, .hidden_layers = 1, .training_iterations = 20};
  return spec;
}

class ForkTest : public ::testing::TestWithParam<FlowSpec> {};

// Also where the fork is saved and restored after each step, as after a crash.
TEST_P(ForkTest, NothingReplacedGivesTheParentsBits) {
  const FlowSpec& parent = GetParam();
  const std::unique_ptr<Flow> flow = MakeFlow(parent);
  Advance(*flow);
  const FlowSpec spec = ForkedAt(parent, *flow);
  std::unique_ptr<Flow> fork = Fork(spec, parent, *flow);
  EXPECT_EQ(fork->step(), 1);
  EXPECT_EQ(Trajectories(*fork), Trajectories(*flow));
  while (flow->step() < parent.num_steps) {
    const StepReport undisturbed = Advance(*flow);
    const StepReport forked = Advance(*fork);
    EXPECT_EQ(forked.step, undisturbed.step);
    EXPECT_EQ(forked.energy, undisturbed.energy);
    EXPECT_EQ(Trajectories(*fork), Trajectories(*flow));
    EXPECT_EQ(fork->Samples(20, 5)->values, flow->Samples(20, 5)->values);
    const std::string saved = *fork->Save();
    EXPECT_TRUE(absl::IsFailedPrecondition(Flow::Restore(parent, saved).status()));
    fork = *Flow::Restore(spec, saved);
  }
}

// Of a base that was fitted or widened, and of networks that were scaled: all that stands on seed and step size of step 0.
TEST_P(ForkTest, AnotherSeedAndStepSizeBeginAtTheParentsSamples) {
  const FlowSpec& parent = GetParam();
  const std::unique_ptr<Flow> flow = MakeFlow(parent);
  Advance(*flow);
  FlowSpec spec = ForkedAt(parent, *flow);
  spec.seed = 8;
  spec.sliced_step_size /= 3;
  std::unique_ptr<Flow> fork = Fork(spec, parent, *flow);
  EXPECT_EQ(Trajectories(*fork), Trajectories(*flow));
  EXPECT_EQ(fork->Samples(20, 5)->values, flow->Samples(20, 5)->values);
  const StepReport report = Advance(*fork);
  EXPECT_DOUBLE_EQ(report.sliced_time, parent.sliced_step_size + spec.sliced_step_size);
  EXPECT_DOUBLE_EQ(report.wasserstein_time, StateDimension(spec) * report.sliced_time);
  Advance(*flow);
  EXPECT_NE(Trajectories(*fork), Trajectories(*flow));
  // And a fork of the fork, which knows the ground of the first by the checkpoint alone.
  FlowSpec second = ForkedAt(spec, *fork);
  second.seed = 9;
  EXPECT_EQ(Trajectories(*Fork(second, spec, *fork)), Trajectories(*fork));
}

FlowSpec FlatStart(ModelSpec model) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.initial = Dirac{.point = {0.5, -0.5}};
  spec.model = std::move(model);
  if (std::holds_alternative<MlpModel>(spec.model)) spec.terms.pop_back();
  return spec;
}

INSTANTIATE_TEST_SUITE_P(Specs, ForkTest,
                         ::testing::Values(OrnsteinUhlenbeckSpec(1), OrnsteinUhlenbeckSpec(2), RingSpec(40), FittedSpec(),
                                           FlatStart(RealNvpModel{.couplings = 2, .hidden_width = 8}),
                                           FlatStart(MlpModel{.noise_dimension = 2, .hidden_layers = 1, .hidden_width = 8}),
                                           SecondOrderSpec(OrnsteinUhlenbeckSpec(2)), SecondOrderSpec(RingSpec(40)), MalaSpec(),
                                           HalvedSpec(SecondOrderSpec(RingSpec(40))), ChainSpec(), LatentSpec()));

// Explicit Euler without an entropy, x ← x − h p (x − c), gives every particle's place exactly, up to float's rounding: τ = 0.2 in two
// moves towards 1 with p = 2, then, forked, τ = 0.05 in five moves towards −1 with p = 4.
TEST(ForkClosedFormTest, AnotherStepSizeFunctionalAndSolverOfParticles) {
  FlowSpec parent = OrnsteinUhlenbeckSpec(2);
  parent.terms.pop_back();
  parent.solver = EulerMaruyamaSolver{.inner_iterations = 2};
  parent.model = ParticlesModel{.count = 50};
  parent.sliced_step_size = 0.1;
  const std::unique_ptr<Flow> flow = MakeFlow(parent);
  const std::vector<float> start = flow->Samples(50, std::nullopt)->values;
  Advance(*flow);
  FlowSpec spec = ForkedAt(parent, *flow);
  spec.terms = {{1, QuadraticPotential{.center = Repeat(2, -1), .precision = testing::Identity(2, 4)}}};
  spec.solver = EulerMaruyamaSolver{.inner_iterations = 5};
  spec.sliced_step_size = 0.025;
  const std::unique_ptr<Flow> fork = Fork(spec, parent, *flow);
  Advance(*fork);
  const StepReport last = Advance(*fork);
  EXPECT_NEAR(last.wasserstein_time, 0.2 + 2 * 0.05, 1e-12);
  const std::vector<float> end = fork->Samples(50, std::nullopt)->values;
  for (size_t i = 0; i < start.size(); ++i) {
    const double shared = 1 + std::pow(1 - 0.1 * 2, 2) * (start[i] - 1);
    EXPECT_NEAR(end[i], -1 + std::pow(1 - 0.01 * 4, 10) * (shared + 1), 1e-5);
  }
}

// The exact step of the classic scheme for ∫½ a (x − b)² dρ + ∫ρ log ρ from N(m, s²): Gaussians, (s' − s)/τ = 1/s' − a s' and
// m' = (m + τab)/(1 + τa).
struct GaussianStep {
  double mean = 0;
  double deviation = 1;

  void Advance(double a, double b, double tau) {
    mean = (mean + tau * a * b) / (1 + tau * a);
    deviation = (deviation + std::sqrt(deviation * deviation + 4 * (1 + tau * a) * tau)) / (2 * (1 + tau * a));
  }
};

// An Ornstein–Uhlenbeck process on a grid of the line by entropic JKO, which makes the classic scheme's own steps to 1e-4 (the tolerances
// are those of tests/unit/engine/grid_test.cpp): two of τ = 0.1, then, forked, two of τ = 0.04 with another target.
TEST(ForkClosedFormTest, OrnsteinUhlenbeckWithAnotherStepSizeAndTarget) {
  constexpr int kNodes = 121;
  constexpr double kReach = 6;
  const double spacing = 2 * kReach / (kNodes - 1);
  FlowSpec parent;
  parent.dimension = 1;
  parent.initial = testing::StandardGaussian(1);
  parent.terms = {{1, RelativeEntropyTerm{QuadraticPotential{.center = {1}, .precision = {2}}}}};
  parent.solver = EntropicJkoSolver{.regularization = 2 * spacing * spacing};
  parent.model = GridModel{.lower = {-kReach}, .upper = {kReach}, .nodes = kNodes};
  parent.sliced_step_size = 0.1;
  parent.num_steps = 4;
  const std::unique_ptr<Flow> flow = MakeFlow(parent);
  GaussianStep exact;
  for (int step = 0; step < 2; ++step) {
    Advance(*flow);
    exact.Advance(2, 1, 0.1);
  }
  FlowSpec spec = ForkedAt(parent, *flow);
  spec.terms = {{1, RelativeEntropyTerm{QuadraticPotential{.center = {-0.5}, .precision = {1.5}}}}};
  spec.sliced_step_size = 0.04;
  const std::unique_ptr<Flow> fork = Fork(spec, parent, *flow);
  for (int step = 0; step < 2; ++step) {
    const StepReport report = Advance(*fork);
    exact.Advance(1.5, -0.5, 0.04);
    EXPECT_TRUE(report.energy_inequality->holds) << report.energy_inequality->slack;
  }
  std::vector<float> nodes;
  for (int i = 0; i < kNodes; ++i) nodes.push_back(static_cast<float>(-kReach + spacing * i));
  const std::vector<float> log_densities = *fork->LogDensity(nodes);
  double mean = 0, square = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const double mass = spacing * std::exp(log_densities[i]);
    mean += mass * nodes[i];
    square += mass * nodes[i] * nodes[i];
  }
  EXPECT_NEAR(mean, exact.mean, 1e-4);
  EXPECT_NEAR(square - mean * mean, exact.deviation * exact.deviation, 4e-4);
}

TEST(ForkMemoryTest, IsKeptWhereItMeansTheSame) {
  const FlowSpec parent = SecondOrderSpec(OrnsteinUhlenbeckSpec(2));
  FlowSpec spec = parent;
  spec.seed = 8;
  spec.num_steps = 9;
  EXPECT_TRUE(KeepsMemory(spec, parent));
  spec.sliced_step_size /= 2;
  EXPECT_FALSE(KeepsMemory(spec, parent));
  spec = parent;
  spec.terms[0].weight = 2;
  EXPECT_FALSE(KeepsMemory(spec, parent));
  spec = parent;
  spec.solver = PairedJkoSolver{.inner = testing::QuickMinimisation(), .order = 1};
  EXPECT_FALSE(KeepsMemory(spec, parent));
  spec.solver = SwJkoSolver{.inner = testing::QuickMinimisation(), .order = 2};
  EXPECT_FALSE(KeepsMemory(spec, parent));
  spec = MalaSpec();
  spec.sliced_step_size /= 2;
  EXPECT_TRUE(KeepsMemory(spec, MalaSpec()));
  EXPECT_FALSE(KeepsMemory(MalaSpec(), RingSpec(40)));
}

// From one scheme to another, in both directions: what the first kept does not stand in the way.
TEST(ForkMemoryTest, SolversGoOnFromEachOther) {
  const FlowSpec first = SecondOrderSpec(OrnsteinUhlenbeckSpec(2)), second = OrnsteinUhlenbeckSpec(2);
  for (const auto& [parent, other] : {std::pair(first, second), std::pair(second, first)}) {
    const std::unique_ptr<Flow> flow = MakeFlow(parent);
    Advance(*flow);
    const FlowSpec spec = ForkedAt(other, *flow);
    std::unique_ptr<Flow> fork = Fork(spec, parent, *flow);
    Advance(*fork);
    fork = *Flow::Restore(spec, *fork->Save());
    Advance(*fork);
  }
}

TEST(ForkMemoryTest, OfThreeFlowsTheOneThatWasAskedForGoesOnAlone) {
  const FlowSpec parent = HalvedSpec(RingSpec(40));
  const std::unique_ptr<Flow> flow = MakeFlow(parent);
  Advance(*flow);
  FlowSpec spec = ForkedAt(parent, *flow);
  spec.step_halving = false;
  const std::unique_ptr<Flow> fork = Fork(spec, parent, *flow);
  Advance(*flow);
  Advance(*fork);
  EXPECT_EQ(Trajectories(*fork), Trajectories(*flow));
}

TEST(ForkRefusalTest, RefusesWhatCannotGoOnByName) {
  const FlowSpec parent = OrnsteinUhlenbeckSpec(2);
  const std::unique_ptr<Flow> flow = MakeFlow(parent);
  Advance(*flow);
  const std::string checkpoint = *flow->Save();
  const auto refusal = [&](const std::function<void(FlowSpec&)>& change) {
    FlowSpec spec = ForkedAt(parent, *flow);
    change(spec);
    return Flow::Fork(spec, parent, checkpoint).status();
  };
  const auto expect = [&](const std::function<void(FlowSpec&)>& change, const std::string& words) {
    const absl::Status status = refusal(change);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(words));
  };
  expect([](FlowSpec& spec) { spec.model = RealNvpModel{.couplings = 3, .hidden_width = 16}; }, "model");
  expect([](FlowSpec& spec) { spec.initial = UniformBox{.lower = {0, 0}, .upper = {1, 1}}; }, "initial");
  expect([](FlowSpec& spec) { spec.step_halving = true; }, "step_halving");
  expect([](FlowSpec& spec) { spec.origin.reset(); }, "origin");
  expect([](FlowSpec& spec) { spec.origin->step = 0; }, "checkpoint is of step 1");
  EXPECT_TRUE(absl::IsInvalidArgument(refusal([](FlowSpec& spec) { spec.origin->step = spec.num_steps; })));
  EXPECT_TRUE(absl::IsDataLoss(Flow::Fork(ForkedAt(parent, *flow), parent, checkpoint.substr(1)).status()));
  FlowSpec other = parent;
  other.seed = 8;
  EXPECT_TRUE(absl::IsFailedPrecondition(Flow::Fork(ForkedAt(parent, *flow), other, checkpoint).status()));

  const FlowSpec chain = ChainSpec();
  const std::unique_ptr<Flow> grown = MakeFlow(chain);
  Advance(*grown);
  FlowSpec whole = ForkedAt(chain, *grown);
  whole.solver = PairedJkoSolver{.inner = testing::QuickMinimisation(), .order = 1};
  const absl::Status status = Flow::Fork(whole, chain, *grown->Save()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("jko_icnn"));
}

}  // namespace
}  // namespace sliceflow::engine
