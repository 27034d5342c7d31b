// Solvers that move particles, against what is known of their moves and of where they end.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "server/engine/flow.h"
#include "server/engine/nearest_neighbours.h"
#include "server/engine/random.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using testing::OrnsteinUhlenbeckSpec;

struct Column {
  double mean = 0;
  double variance = 0;
};

Column FirstColumn(const SampleBatch& samples) {
  Column column;
  for (int64_t row = 0; row < samples.count; ++row) column.mean += samples.values[static_cast<size_t>(row * samples.dimension)];
  column.mean /= static_cast<double>(samples.count);
  for (int64_t row = 0; row < samples.count; ++row) {
    const double apart = samples.values[static_cast<size_t>(row * samples.dimension)] - column.mean;
    column.variance += apart * apart / static_cast<double>(samples.count);
  }
  return column;
}

std::unique_ptr<Flow> RunToTheEnd(const FlowSpec& spec) {
  const StopLatch stop;
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, stop);
  EXPECT_TRUE(flow.ok()) << flow.status();
  for (int step = 0; step < spec.num_steps; ++step) {
    const absl::StatusOr<StepResult> result = (*flow)->Step(stop, [](const InnerProgress&) {});
    EXPECT_TRUE(result.ok() && !result->termination.has_value());
  }
  return *std::move(flow);
}

// Towards N(1, ½ I) in the plane, each coordinate a process of rate 2.
FlowSpec ParticleSpec(SolverSpec solver, int64_t particles) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.solver = solver;
  spec.model = ParticlesModel{.count = particles};
  return spec;
}

// ∫ρ log ρ = −log(2πe) for the standard Gaussian in the plane. Four standard errors; the estimator's own bias at this count is below 0.01.
TEST(NearestNeighbours, EntropyOfAGaussian) {
  at::Generator random = MakeGenerator(5, Purpose::kSamples);
  const at::Tensor log_density = NeighbourLogDensity(at::randn({4000, 2}, random, at::TensorOptions(at::kFloat)));
  const double error = std::sqrt(log_density.var().item<double>() / static_cast<double>(log_density.size(0)));
  EXPECT_NEAR(log_density.mean().item<double>(), -std::log(2 * M_PI * M_E), 4 * error + 0.01);
}

TEST(NearestNeighbours, CoincidingParticlesAreFinite) {
  EXPECT_TRUE(at::isfinite(NeighbourLogDensity(at::zeros({10, 3}))).all().item<bool>());
}

// Without an entropy: x ← x − 2h(x − 1), so after k moves x − 1 has shrunk by (1 − 2h)^k exactly, up to float's rounding.
TEST(EulerMaruyamaTest, WithoutEntropyItIsExplicitEuler) {
  FlowSpec spec = ParticleSpec(EulerMaruyamaSolver{.inner_iterations = 10}, 50);
  spec.terms.pop_back();
  spec.num_steps = 1;
  const StopLatch stop;
  const SampleBatch start = *(*Flow::Create(spec, stop))->Samples(50, std::nullopt);
  const SampleBatch end = *RunToTheEnd(spec)->Samples(50, std::nullopt);
  const double shrunk = std::pow(1 - 2 * 0.01, 10);
  for (size_t i = 0; i < start.values.size(); ++i) EXPECT_NEAR(end.values[i], 1 + shrunk * (start.values[i] - 1), 1e-5);
}

// After k moves of an Ornstein–Uhlenbeck process of rate 2 from N(0, 1) by Euler's rule with q = 1 − 2h, the mean is 1 − q^k and the
// variance q^{2k} + 2h (1 − q^{2k})/(1 − q²). Four standard errors of 20,000 particles.
TEST(EulerMaruyamaTest, WithEntropyItIsLangevin) {
  const Column column =
      FirstColumn(*RunToTheEnd(ParticleSpec(EulerMaruyamaSolver{.inner_iterations = 10}, 20000))->Samples(20000, std::nullopt));
  const double h = 0.01;
  const double q = 1 - 2 * h;
  const double decay = std::pow(q, 30);
  const double variance = decay * decay + 2 * h * (1 - decay * decay) / (1 - q * q);
  EXPECT_NEAR(column.mean, 1 - decay, 4 * std::sqrt(variance / 20000));
  EXPECT_NEAR(column.variance, variance, 4 * variance * std::sqrt(2.0 / 20000));
}

// Towards a data set that is N(0, I) shifted by 3: the flow of the sliced distance carries the mean there, and the noise keeps the cloud wide.
TEST(EulerMaruyamaTest, FollowsTheSlicedWassersteinFlow) {
  at::Generator random = MakeGenerator(6, Purpose::kSamples);
  const at::Tensor rows = at::randn({500, 2}, random, at::TensorOptions(at::kFloat)) + 3;
  const float* data = rows.const_data_ptr<float>();
  FlowSpec spec = ParticleSpec(EulerMaruyamaSolver{.inner_iterations = 20, .batch_size = 500}, 500);
  auto table = std::make_shared<Table>(Table{.rows = 500, .columns = 2, .values = {data, data + rows.numel()}});
  spec.terms = {{1, SlicedWassersteinTerm{.table = table, .num_projections = 50}}, {0.01, EntropyTerm{}}};
  spec.sliced_step_size = 1;
  spec.num_steps = 6;
  // The mean moves at half the distance to the target's a unit of time (the average of θθᵀ is I/2 in the plane): after 12, 3 e^{−6} is left.
  EXPECT_NEAR(FirstColumn(*RunToTheEnd(spec)->Samples(500, std::nullopt)).mean, rows.select(1, 0).mean().item<double>(), 0.05);
}

// e^{−V} = N(1, ½ I): unlike the unadjusted scheme there is no bias of the step size, here as large as the adaptation makes it. After 6 steps of
// 60 moves the particles are independent of their start; four standard errors.
TEST(MalaTest, LeavesTheTargetInvariantAndAdaptsItsMoves) {
  FlowSpec spec = ParticleSpec(MalaSolver{.inner_iterations = 60}, 5000);
  spec.sliced_step_size = 0.5;
  spec.num_steps = 6;
  const std::unique_ptr<Flow> flow = RunToTheEnd(spec);
  const Column column = FirstColumn(*flow->Samples(5000, std::nullopt));
  EXPECT_NEAR(column.mean, 1, 4 * std::sqrt(0.5 / 5000));
  EXPECT_NEAR(column.variance, 0.5, 4 * 0.5 * std::sqrt(2.0 / 5000));
  ASSERT_EQ(flow->report().metrics.size(), 2);
  EXPECT_EQ(flow->report().metrics[0].name, "acceptance");
  EXPECT_NEAR(flow->report().metrics[0].value, 0.57, 0.05);
}

// Moves of a step far too large are rejected, not the end of the flow, until they have shrunk.
TEST(MalaTest, FindsItsWayFromAStepFarTooLarge) {
  FlowSpec spec = ParticleSpec(MalaSolver{.inner_iterations = 100}, 2000);
  spec.sliced_step_size = 1e5;
  spec.num_steps = 6;
  const std::unique_ptr<Flow> flow = RunToTheEnd(spec);
  EXPECT_NEAR(flow->report().metrics[0].value, 0.57, 0.1);
  EXPECT_NEAR(FirstColumn(*flow->Samples(2000, std::nullopt)).mean, 1, 4 * std::sqrt(0.5 / 2000));
}

TEST(ParticleSolversTest, RefuseWhatTheyCannotMove) {
  const StopLatch stop;
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.solver = EulerMaruyamaSolver{};
  EXPECT_EQ(Flow::Create(spec, stop).status().code(), absl::StatusCode::kInvalidArgument);
  spec = ParticleSpec(MalaSolver{}, 10);
  spec.terms[0].term = PowerLawInteraction{};
  EXPECT_EQ(Flow::Create(spec, stop).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sliceflow::engine
