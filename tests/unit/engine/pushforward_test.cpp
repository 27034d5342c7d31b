// Models that send noise through a network: flows whose course is known, and what the networks promise of their outputs.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "server/engine/flow.h"
#include "server/engine/initial/registry.h"
#include "server/engine/models/registry.h"
#include "server/engine/random.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using ::testing::HasSubstr;

InnerMinimisation Short() {
  return {.iterations = 150, .batch_size = 256, .optimizer = AdamOptions{.learning_rate = 0.01}, .max_attempts = 2};
}

// Descends ∫½|x − b|² dρ in Wasserstein steps of τ = 1.
FlowSpec TowardsPoint(const std::vector<double>& point, InitialSpec initial, ModelSpec model, const SolverSpec& solver) {
  const auto dimension = static_cast<int>(point.size());
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(dimension);
  spec.initial = std::move(initial);
  spec.terms = {{1, QuadraticPotential{.center = point, .precision = testing::Identity(dimension)}}};
  spec.model = std::move(model);
  spec.solver = solver;
  spec.sliced_step_size = 1.0 / dimension;
  spec.num_steps = 2;
  return spec;
}

struct Shape {
  std::vector<double> mean;
  std::vector<double> deviation;
};

Shape ShapeOf(Flow& flow) {
  const SampleBatch samples = *flow.Samples(20'000, std::nullopt);
  const auto d = static_cast<size_t>(samples.dimension);
  const auto n = static_cast<double>(samples.count);
  Shape shape{std::vector<double>(d), std::vector<double>(d)};
  for (size_t i = 0; i < samples.values.size(); ++i) shape.mean[i % d] += samples.values[i] / n;
  for (size_t i = 0; i < samples.values.size(); ++i) shape.deviation[i % d] += std::pow(samples.values[i] - shape.mean[i % d], 2) / n;
  for (double& deviation : shape.deviation) deviation = std::sqrt(deviation);
  return shape;
}

std::unique_ptr<Flow> Start(const FlowSpec& spec) {
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, StopLatch());
  EXPECT_TRUE(flow.ok()) << flow.status();
  return flow.ok() ? *std::move(flow) : nullptr;
}

StepReport Step(Flow& flow) {
  const absl::StatusOr<StepResult> result = flow.Step(StopLatch(), [](const InnerProgress&) {});
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return {};
  EXPECT_FALSE(result->termination.has_value()) << result->termination->detail;
  return result->report;
}

// Without entropy the step is the contraction x ↦ (x + τb)/(1 + τ), for any law in the Wasserstein geometry and for isotropic Gaussians in
// the sliced one. τ = 1 halves the distance of the mean from b, and the deviation, at every step.
struct Contraction {
  std::string name;
  ModelSpec model;
  SolverSpec solver;
};

class ContractionTest : public ::testing::TestWithParam<Contraction> {};

TEST_P(ContractionTest, HalvesAtEveryStep) {
  const Gaussian initial{.mean = {2, -1}, .covariance = testing::Identity(2)};
  const std::unique_ptr<Flow> flow = Start(TowardsPoint({1, 1}, initial, GetParam().model, GetParam().solver));
  ASSERT_NE(flow, nullptr);
  EXPECT_LT(flow->report().distance_squared, 0.01);
  // Deviations are from the start as it was fitted: the fit's own error is reported and tested elsewhere. What remains is the noise of Adam
  // at batches of 256, a few hundredths of the deviation there, and half of it a step later.
  Shape before = ShapeOf(*flow);
  for (int step = 1; step <= 2; ++step) {
    EXPECT_TRUE(Step(*flow).energy_inequality->holds);
    const Shape now = ShapeOf(*flow);
    for (size_t k = 0; k < 2; ++k) {
      EXPECT_NEAR(now.mean[k] - 1, (before.mean[k] - 1) / 2, 0.04) << step;
      EXPECT_NEAR(now.deviation[k], before.deviation[k] / 2, 0.04) << step;
    }
    before = now;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ContractionTest,
                         ::testing::Values(Contraction{"MlpSliced", MlpModel{.noise_dimension = 2, .hidden_width = 32},
                                                       SwJkoSolver{.inner = Short(), .num_projections = 50}},
                                           Contraction{"MlpPaired", MlpModel{.noise_dimension = 4, .hidden_width = 32},
                                                       PairedJkoSolver{.inner = Short(), .order = 1}},
                                           Contraction{"Generator", testing::SmallGenerator(),
                                                       SwJkoSolver{.inner = Short(), .num_projections = 50}}),
                         [](const auto& info) { return info.param.name; });

// In bounds the contraction holds too where it leads to no bound: the box [.3, .7] is halved about a point of [.2, .8].
void ExpectHalvedBox(const ModelSpec& model, const std::vector<double>& point) {
  const auto dimension = static_cast<int>(point.size());
  const UniformBox initial{.lower = testing::Repeat(dimension, 0.3), .upper = testing::Repeat(dimension, 0.7)};
  const std::unique_ptr<Flow> flow = Start(TowardsPoint(point, initial, model, PairedJkoSolver{.inner = Short(), .order = 1}));
  ASSERT_NE(flow, nullptr);
  // The box has a variance of .0133 in a direction; the fit leaves less than a tenth of it.
  EXPECT_LT(flow->report().distance_squared, 1.3e-3);
  const Shape before = ShapeOf(*flow);
  EXPECT_TRUE(Step(*flow).energy_inequality->holds);
  const Shape now = ShapeOf(*flow);
  for (size_t k = 0; k < point.size(); ++k) {
    // A tenth of the way that means go at most, .15, which is what Adam at batches of 256 leaves.
    EXPECT_NEAR(now.mean[k], (before.mean[k] + point[k]) / 2, 0.015) << k;
    EXPECT_LT(now.deviation[k], 0.75 * before.deviation[k]) << k;
  }
  const SampleBatch samples = *flow->Samples(2000, 5);
  EXPECT_GE(*std::min_element(samples.values.begin(), samples.values.end()), 0);
  EXPECT_LE(*std::max_element(samples.values.begin(), samples.values.end()), 1);
}

TEST(DecoderFlowTest, HalvesABoxWithinItsBounds) {
  ExpectHalvedBox(DecoderModel{.noise_dimension = 4, .hidden_width = 32}, {0.2, 0.8, 0.5});
}

TEST(CnnFlowTest, HalvesABoxWithinItsBounds) {
  std::vector<double> ramp;
  for (int i = 0; i < 16; ++i) ramp.push_back(0.2 + 0.04 * i);
  ExpectHalvedBox(CnnModel{.height = 4, .width = 4, .noise_dimension = 20, .base_channels = 8}, ramp);
}

// Row i of samples without a seed follows one trajectory: under the contraction it keeps its place among the others.
TEST(PushforwardFlowTest, SamplesWithoutASeedFollowTrajectories) {
  FlowSpec spec = TowardsPoint({0, 0}, testing::StandardGaussian(2), MlpModel{.noise_dimension = 7, .hidden_width = 16},
                               PairedJkoSolver{.inner = Short(), .order = 1});
  const std::unique_ptr<Flow> flow = Start(spec);
  ASSERT_NE(flow, nullptr);
  const std::vector<float> before = flow->Samples(500, std::nullopt)->values;
  Step(*flow);
  const std::vector<float> after = flow->Samples(500, std::nullopt)->values;
  double product = 0;
  double squares = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    product += static_cast<double>(before[i]) * after[i];
    squares += static_cast<double>(before[i]) * before[i];
  }
  EXPECT_NEAR(product / squares, 0.5, 0.04);
  EXPECT_EQ(flow->max_samples(), INT64_MAX);
}

TEST(PushforwardFlowTest, HasNoDensityAndSaysSo) {
  const std::unique_ptr<Flow> flow =
      Start(TowardsPoint({0, 0}, testing::StandardGaussian(2), MlpModel{.noise_dimension = 2, .hidden_width = 4},
                         SwJkoSolver{.inner = testing::QuickMinimisation(), .num_projections = 20}));
  ASSERT_NE(flow, nullptr);
  EXPECT_FALSE(flow->has_density());
  const float point[] = {0, 0};
  const absl::Status status = flow->LogDensity(point).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the model has no density"));
}

TEST(PushforwardFlowTest, ComesBackFromACheckpointWithTheSameBits) {
  FlowSpec spec = TowardsPoint({0, 0}, testing::StandardGaussian(2), testing::SmallGenerator(),
                               SwJkoSolver{.inner = testing::QuickMinimisation(), .order = 2, .num_projections = 20});
  const std::unique_ptr<Flow> flow = Start(spec);
  ASSERT_NE(flow, nullptr);
  Step(*flow);
  absl::StatusOr<std::unique_ptr<Flow>> restored = Flow::Restore(spec, *flow->Save());
  ASSERT_TRUE(restored.ok()) << restored.status();
  Step(*flow);
  Step(**restored);
  EXPECT_EQ(*flow->Save(), *(*restored)->Save());
  // Every parameter of a generator is in the fingerprint.
  std::get<GeneratorModel>(spec.model).parameters[2].initial_scale = 0.5;
  EXPECT_TRUE(absl::IsFailedPrecondition(Flow::Restore(spec, *flow->Save()).status()));
}

std::unique_ptr<Model> Made(const ModelSpec& spec, const InitialSpec& initial, int dimension) {
  at::Generator random = MakeGenerator(1, Purpose::kBase);
  return MakeModel(spec, SwJkoSolver{}, dimension, MakeInitial(initial, dimension), 0.01, random);
}

at::Tensor FirstSamples(const Model& model, int64_t count) {
  at::Generator start = MakeGenerator(3, Purpose::kInitialParameters);
  at::Generator noise = MakeGenerator(3, Purpose::kInner);
  return model.Transport(model.InitialParameters(start), model.Draw(count, /*paired=*/true, noise)).x;
}

// Before it is fitted an MLP has ρ₀'s mean and, in each coordinate, a scale like ρ₀'s: exactly so for noise of the flow's dimension, else
// by random rows whose squared length varies by √(2/m) of itself, .32 for m = 20.
TEST(MlpTest, StartsAtTheScaleOfTheInitialDistribution) {
  const Gaussian initial{.mean = {100, -3}, .covariance = {25, 0, 0, 0.01}};
  const at::Tensor square = FirstSamples(*Made(MlpModel{.noise_dimension = 2}, initial, 2), 20'000);
  EXPECT_TRUE(at::allclose(square.mean(0), at::tensor({100.0F, -3.0F}), 1e-3, 1e-3));
  EXPECT_TRUE(at::allclose(square.std(0), at::tensor({5.0F, 0.1F}), 0.02, 0));
  const at::Tensor wide = FirstSamples(*Made(MlpModel{.noise_dimension = 20}, initial, 2), 20'000);
  EXPECT_TRUE(at::allclose(wide.mean(0), at::tensor({100.0F, -3.0F}), 1e-3, 1e-3));
  EXPECT_TRUE(at::allclose(wide.std(0), at::tensor({5.0F, 0.1F}), 0.4, 0));
}

// Rows are (height, width, channels): with ρ₀'s mean at .2 in one channel and .8 in the other, every other value starts about .2.
TEST(CnnTest, ChannelsAreLast) {
  UniformBox initial;
  for (int i = 0; i < 64; ++i) {
    const double mean = i % 2 == 0 ? 0.2 : 0.8;
    initial.lower.push_back(mean - 0.1);
    initial.upper.push_back(mean + 0.1);
  }
  const at::Tensor x = FirstSamples(*Made(CnnModel{.height = 8, .width = 4, .channels = 2}, initial, 64), 500).view({500, 8, 4, 2});
  // Logits spread by about 1 about that of the mean, which draws the mean of the sigmoid by less than .05 towards a half.
  EXPECT_NEAR(x.select(3, 0).mean().item<double>(), 0.2, 0.08);
  EXPECT_NEAR(x.select(3, 1).mean().item<double>(), 0.8, 0.08);
}

}  // namespace
}  // namespace sliceflow::engine
