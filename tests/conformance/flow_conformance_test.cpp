// What every solver must do with every model and every kind of initial distribution.
#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <string>

#include "server/engine/flow.h"
#include "tests/conformance/device.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

const auto kIgnoreProgress = [](const InnerProgress&) {};

TablePtr Points() { return std::make_shared<Table>(Table{.rows = 6, .columns = 2, .values = {0, 0, 1, 0, 0, 1, 1, 1, 2, 2, -1, 0.5f}}); }

const std::pair<std::string, InitialSpec> kInitials[] = {
    {"Gaussian", testing::StandardGaussian(2)},
    {"Mixture", GaussianMixture{{{1, testing::StandardGaussian(2)}, {2, {.mean = {3, 0}, .covariance = testing::Identity(2, 0.5)}}}}},
    {"Box", UniformBox{.lower = {-1, -1}, .upper = {1, 2}}},
    {"Dirac", Dirac{.point = {0.5, -0.5}}},
    {"Ring", Ring{.center = {0, 0}, .radius = 1.5, .thickness = 0.1}},
    {"Empirical", Empirical{Points()}},
};
static_assert(std::size(kInitials) == std::variant_size_v<InitialSpec>, "every kind of initial distribution has its case");

const std::pair<std::string, ModelSpec> kModels[] = {
    {"RealNvp", RealNvpModel{.couplings = 2, .hidden_width = 16}},
    {"Particles", ParticlesModel{.count = 50}},
    {"Grid", GridModel{.lower = {-6, -6}, .upper = {6, 6}, .nodes = 40}},
    {"Mlp", MlpModel{.noise_dimension = 2, .hidden_width = 16}},
    {"Decoder", DecoderModel{.noise_dimension = 2, .hidden_width = 16, .lower = -3, .upper = 3}},
    {"Generator", testing::SmallGenerator()},
    {"Icnn", IcnnModel{.hidden_layers = 1, .hidden_width = 8}},
};
// Images have 16 values and more: the suite of pushforward models has a flow of one.
static_assert(std::size(kModels) + 1 == std::variant_size_v<ModelSpec>, "every kind of model has its case");

SwJkoSolver SecondOrder() {
  SwJkoSolver solver = testing::QuickSolver();
  solver.order = 2;
  return solver;
}

const std::pair<std::string, SolverSpec> kSolvers[] = {
    {"SwJko", testing::QuickSolver()},
    {"SwJkoOfSecondOrder", SecondOrder()},
    {"PairedJko", PairedJkoSolver{.inner = testing::QuickMinimisation(), .order = 1}},
    {"PairedJkoOfSecondOrder", PairedJkoSolver{.inner = testing::QuickMinimisation()}},
    {"EulerMaruyama", EulerMaruyamaSolver{.inner_iterations = 20}},
    {"Mala", MalaSolver{.inner_iterations = 20}},
    {"EntropicJko", EntropicJkoSolver{.regularization = 0.2}},
    {"JkoIcnn", JkoIcnnSolver{.inner = testing::QuickMinimisation()}},
};

constexpr size_t kFirstParticleSolver = 4;  // from there on solvers move particles and minimise nothing
constexpr size_t kGridSolver = 6;           // minimises over the values at nodes, without random numbers
constexpr size_t kChainSolver = 7;          // grows a chain of maps
constexpr size_t kGrid = 2;                 // the model, which takes the first of the initial distributions, those with a density
constexpr size_t kWithDensity = 3;
constexpr size_t kFirstPushforward = 3;  // from there on models are fitted to where they start
constexpr size_t kChain = 6;

bool Minimises(size_t solver) { return solver < kFirstParticleSolver || solver >= kGridSolver; }

TEST(FlowConformanceTest, EveryKindOfSolverHasACase) {
  std::set<size_t> kinds;
  for (const auto& [name, solver] : kSolvers) kinds.insert(solver.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<SolverSpec>);
}

using Combination = std::tuple<size_t, size_t, size_t>;  // solver, model, initial

class FlowConformance : public ::testing::TestWithParam<Combination> {
 protected:
  FlowConformance() {
    const auto [solver, model, initial] = GetParam();
    spec_ = testing::OrnsteinUhlenbeckSpec(2);
    spec_.solver = kSolvers[solver].second;
    spec_.model = kModels[model].second;
    spec_.initial = kInitials[initial].second;
    if (Minimises(solver) && !HasDensity(spec_.model)) spec_.terms.pop_back();  // the entropy
    spec_.num_steps = 2;
  }

  void SetUp() override { SkipWithoutDevice(); }

  FlowSpec spec_;
};

TEST_P(FlowConformance, DescendsWithinTheEnergyInequality) {
  EXPECT_EQ(spec_.initial.index(), std::get<2>(GetParam()));
  const StopLatch stop;
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec_, stop);
  ASSERT_TRUE(flow.ok()) << flow.status();
  double energy = (*flow)->report().energy;
  for (int step = 1; step <= spec_.num_steps; ++step) {
    const absl::StatusOr<StepResult> result = (*flow)->Step(stop, kIgnoreProgress);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_FALSE(result->termination.has_value()) << result->termination->detail;
    EXPECT_LT(result->report.energy, energy);
    EXPECT_GT(result->report.distance_squared, 0);
    EXPECT_GT(result->report.inner_iterations, 0);
    const size_t solver = std::get<0>(GetParam());
    const bool minimises = Minimises(solver);
    ASSERT_EQ(result->report.energy_inequality.has_value(), minimises);
    if (!minimises) continue;
    EXPECT_TRUE(result->report.energy_inequality->holds) << result->report.energy_inequality->slack;
    if (solver != kGridSolver) {
      EXPECT_GT(result->report.gradient_norm, 0);
    }
    energy = result->report.energy;
  }
}

// A model that starts exactly at ρ₀ has no residual; a fitted one tells how far it is off. The flow of this suite is small (two couplings,
// 16 units, small batches), so its fit is only asked to be nearer than a tenth of ρ₀'s variance in a direction, which is about 1.
TEST_P(FlowConformance, TellsHowWellItStarts) {
  const StopLatch stop;
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec_, stop);
  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_GE((*flow)->report().distance_squared, 0);
  EXPECT_LE((*flow)->report().distance_squared, 0.1);
}

TEST_P(FlowConformance, RepeatsItsBits) {
  const StopLatch stop;
  std::string saved[2];
  for (std::string& bytes : saved) {
    absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec_, stop);
    ASSERT_TRUE(flow.ok()) << flow.status();
    ASSERT_TRUE((*flow)->Step(stop, kIgnoreProgress).ok());
    bytes = *(*flow)->Save();
  }
  EXPECT_EQ(saved[0], saved[1]);
  if (std::get<0>(GetParam()) == kGridSolver) return;  // nothing of it is random
  spec_.seed += 1;
  absl::StatusOr<std::unique_ptr<Flow>> other = Flow::Create(spec_, stop);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->Step(stop, kIgnoreProgress).ok());
  EXPECT_NE(*(*other)->Save(), saved[0]);
}

std::string NameOf(const ::testing::TestParamInfo<Combination>& info) {
  const auto [solver, model, initial] = info.param;
  return kSolvers[solver].first + kModels[model].first + kInitials[initial].first;
}

// Where a flow starts does not depend on its solver: every kind of initial distribution with the first, one that is exact and one that is
// fitted with the others.
INSTANTIATE_TEST_SUITE_P(Initials, FlowConformance,
                         ::testing::Combine(::testing::Values<size_t>(0), ::testing::Range<size_t>(0, kGrid),
                                            ::testing::Range<size_t>(0, std::size(kInitials))),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Solvers, FlowConformance,
                         ::testing::Combine(::testing::Range<size_t>(1, kFirstParticleSolver), ::testing::Range<size_t>(0, kGrid),
                                            ::testing::Values<size_t>(0, 3)),
                         NameOf);
// All pushforwards are fitted in the same way, whatever they start from and whichever scheme goes on.
INSTANTIATE_TEST_SUITE_P(Pushforwards, FlowConformance,
                         ::testing::Combine(::testing::Values<size_t>(0), ::testing::Range<size_t>(kFirstPushforward, std::size(kModels)),
                                            ::testing::Values<size_t>(0)),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(SolversOfPushforwards, FlowConformance,
                         ::testing::Combine(::testing::Values<size_t>(3), ::testing::Values<size_t>(kFirstPushforward),
                                            ::testing::Values<size_t>(3)),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(ParticleSolvers, FlowConformance,
                         ::testing::Combine(::testing::Range<size_t>(kFirstParticleSolver, kGridSolver), ::testing::Values<size_t>(1),
                                            ::testing::Values<size_t>(0, 1)),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Grids, FlowConformance,
                         ::testing::Combine(::testing::Values<size_t>(0, 3, kGridSolver), ::testing::Values<size_t>(kGrid),
                                            ::testing::Range<size_t>(0, kWithDensity)),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Chains, FlowConformance,
                         ::testing::Combine(::testing::Values<size_t>(kChainSolver), ::testing::Values<size_t>(kChain),
                                            ::testing::Range<size_t>(0, kWithDensity)),
                         NameOf);

}  // namespace
}  // namespace sliceflow::engine
