// What every model must do, whatever it is. A new kind is instantiated by its entries of kCases.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "server/engine/flow.h"
#include "server/engine/initial/registry.h"
#include "server/engine/models/registry.h"
#include "server/engine/random.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

// What a model claims of itself.
struct Capabilities {
  bool density = true;
  bool exact = false;        // a batch is ρ itself
  bool starts_exact = true;  // with the case's initial distribution
  bool identity = true;      // noise is of ρ₀'s law, and at the start the map is the identity on it
  double near = 1e-5;        // so nearly
};

struct ModelCase {
  std::string name;
  ModelSpec spec;
  int dimension;
  InitialSpec initial;
  Capabilities capabilities;
};

constexpr Capabilities kPushforward{.density = false, .starts_exact = false};

const ModelCase kCases[] = {
    {"RealNvpLine", RealNvpModel{.couplings = 2}, 1, Gaussian{.mean = {3}, .covariance = {4}}, {}},
    {"RealNvpPlane", RealNvpModel{.couplings = 3, .hidden_width = 16}, 2, Gaussian{.mean = {1, -1}, .covariance = {2, 0.5, 0.5, 1}}, {}},
    {"RealNvpFive", RealNvpModel{.couplings = 4, .hidden_width = 16}, 5, testing::StandardGaussian(5), {}},
    {"RealNvpFiveWithoutLinear",
     RealNvpModel{.couplings = 5, .hidden_width = 16, .learned_linear = false},
     5,
     testing::StandardGaussian(5),
     {}},
    {"RealNvpOnABox", RealNvpModel{.couplings = 2, .hidden_width = 16}, 2, UniformBox{.lower = {0, 1}, .upper = {2, 5}}, {}},
    {"RealNvpOnARing", RealNvpModel{.couplings = 2, .hidden_width = 16}, 2, Ring{.center = {0, 0}}, {.starts_exact = false}},
    {"Particles", ParticlesModel{.count = 64}, 2, testing::StandardGaussian(2), {.density = false, .exact = true}},
    {"IcnnLine", IcnnModel{.hidden_width = 16}, 1, Gaussian{.mean = {3}, .covariance = {4}}, {.starts_exact = false, .near = 0.1}},
    {"IcnnThree", IcnnModel{.hidden_layers = 3, .hidden_width = 16}, 3, testing::StandardGaussian(3), {.starts_exact = false, .near = 0.1}},
    {"IcnnOnARing", IcnnModel{.hidden_width = 16}, 2, Ring{.center = {0, 0}}, {.starts_exact = false, .near = 0.1}},
    {"Mlp", MlpModel{.noise_dimension = 2, .hidden_width = 16}, 2, testing::StandardGaussian(2), kPushforward},
    {"MlpOfWideNoise", MlpModel{.noise_dimension = 5, .hidden_layers = 1, .hidden_width = 16}, 2, Ring{.center = {1, 0}}, kPushforward},
    {"MlpOfAPoint", MlpModel{.noise_dimension = 3, .hidden_width = 16}, 3, Dirac{.point = {1, 2, 3}}, kPushforward},
    {"Decoder", DecoderModel{.noise_dimension = 3, .hidden_width = 8, .lower = -1, .upper = 2}, 4, testing::StandardGaussian(4),
     kPushforward},
    {"Cnn", CnnModel{.height = 4, .width = 8, .channels = 2, .noise_dimension = 6, .base_channels = 4}, 64, testing::StandardGaussian(64),
     kPushforward},
    {"Generator", testing::SmallGenerator(), 2, testing::StandardGaussian(2), kPushforward},
    {"GridLine", GridModel{.lower = {-7}, .upper = {13}, .nodes = 120}, 1, Gaussian{.mean = {3}, .covariance = {4}}, {.identity = false}},
    {"GridPlane",
     GridModel{.lower = {-6, -6}, .upper = {8, 4}, .nodes = 120},
     2,
     Gaussian{.mean = {1, -1}, .covariance = {2, 0.5, 0.5, 1}},
     {.identity = false}},
};

TEST(ModelConformanceTest, EveryKindHasACase) {
  std::set<size_t> kinds;
  for (const ModelCase& model : kCases) kinds.insert(model.spec.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<ModelSpec>);
}

class ModelConformance : public ::testing::TestWithParam<ModelCase> {
 protected:
  ModelConformance() {
    at::Generator random = MakeGenerator(1, Purpose::kBase);
    initial_ = MakeInitial(GetParam().initial, GetParam().dimension);
    model_ = MakeModel(GetParam().spec, SwJkoSolver{}, GetParam().dimension, initial_, 0.01, random);
    at::Generator start = MakeGenerator(1, Purpose::kInitialParameters);
    parameters_ = model_->InitialParameters(start);
    at::Generator noise = MakeGenerator(2, Purpose::kInner);
    noise_ = model_->Draw(256, /*paired=*/false, noise);
  }

  // Away from the identity, by an amount that bends the map but keeps float's digits.
  at::Tensor Moved() const {
    at::Generator random = MakeGenerator(4, Purpose::kSamples);
    return parameters_ + 0.15 * at::randn(parameters_.sizes(), random, at::TensorOptions(at::kFloat));
  }

  std::shared_ptr<const InitialDistribution> initial_;
  std::unique_ptr<Model> model_;
  at::Tensor parameters_;
  Noise noise_;
};

TEST_P(ModelConformance, DeclaresItself) {
  EXPECT_EQ(model_->has_density(), GetParam().capabilities.density);
  EXPECT_EQ(model_->exact(), GetParam().capabilities.exact);
  EXPECT_EQ(model_->starts_exact(), GetParam().capabilities.starts_exact);
  EXPECT_EQ(HasDensity(GetParam().spec), GetParam().capabilities.density);
  EXPECT_EQ(parameters_.numel(), model_->num_parameters());
}

// At the initial parameters a flow is the identity on its base, and where the base is ρ₀ its density is ρ₀'s. What starts at ρ₀ otherwise
// has its density at the nodes, and between them is off by spacing²/8 times the second derivative: a hundredth of the density at most.
TEST_P(ModelConformance, StartsAsTheIdentity) {
  const Batch batch = model_->Transport(parameters_, noise_);
  if (!model_->has_density() && !model_->exact()) GTEST_SKIP() << "is fitted";
  if (!model_->has_density()) {
    EXPECT_TRUE(at::equal(batch.x.reshape({-1}), parameters_));
    return;
  }
  const bool identity = GetParam().capabilities.identity;
  if (identity) {
    EXPECT_TRUE(at::allclose(batch.x, noise_.z, GetParam().capabilities.near, GetParam().capabilities.near));
  }
  if (!model_->starts_exact()) return;
  const double tolerance = identity ? 1e-5 : 0.01;
  EXPECT_TRUE(at::allclose(batch.log_density, initial_->LogDensity(batch.x), tolerance, tolerance));
}

// Samples have the flow's dimension, whatever that of the noise, and each comes from its own row of noise: other rows do not matter, but
// for the order in which float sums them.
TEST_P(ModelConformance, SamplesComeFromTheirOwnNoise) {
  const Batch batch = model_->Transport(Moved(), noise_);
  EXPECT_EQ(batch.x.size(1), GetParam().dimension);
  EXPECT_TRUE(at::isfinite(batch.x).all().item<bool>());
  if (model_->exact()) return;
  EXPECT_EQ(batch.x.size(0), 256);
  Noise fewer{.z = noise_.z.narrow(0, 100, 37)};
  if (noise_.log_density.defined()) fewer.log_density = noise_.log_density.narrow(0, 100, 37);
  EXPECT_TRUE(at::allclose(model_->Transport(Moved(), fewer).x, batch.x.narrow(0, 100, 37), 1e-4, 1e-4));
}

TEST_P(ModelConformance, InverseUndoesTransport) {
  if (!model_->has_density()) GTEST_SKIP() << "has no inverse";
  const at::Tensor moved = Moved();
  const Batch batch = model_->Transport(moved, noise_);
  EXPECT_FALSE(at::allclose(batch.x, noise_.z, 1e-2, 1e-2)) << "the map is too tame to test anything";
  EXPECT_TRUE(at::allclose(model_->Inverse(moved, batch.x), noise_.z, 1e-3, 1e-3));
}

// The density that samples carry is the density at them.
TEST_P(ModelConformance, DensityOfSamplesIsTheDensityThere) {
  if (!model_->has_density()) GTEST_SKIP() << "has no density";
  const at::Tensor moved = Moved();
  const Batch batch = model_->Transport(moved, noise_);
  EXPECT_TRUE(at::allclose(model_->LogDensity(moved, batch.x), batch.log_density, 1e-3, 1e-2));
}

// ∫ρ = 1, by the rectangle rule over a box that holds all samples with a margin.
TEST_P(ModelConformance, DensityIntegratesToOne) {
  if (!model_->has_density() || GetParam().dimension > 2) GTEST_SKIP() << "no density, or too many dimensions for a grid";
  constexpr int64_t kPoints = 400;
  const at::Tensor moved = Moved();
  at::Generator random = MakeGenerator(8, Purpose::kSamples);
  const at::Tensor samples = model_->Transport(moved, model_->Draw(20000, false, random)).x;
  std::vector<at::Tensor> axes;
  double cell = 1;
  for (int64_t k = 0; k < GetParam().dimension; ++k) {
    const double low = samples.select(1, k).min().item<double>();
    const double high = samples.select(1, k).max().item<double>();
    const double margin = 0.5 * (high - low);
    const double step = (high - low + 2 * margin) / kPoints;
    axes.push_back((at::arange(kPoints, at::TensorOptions(at::kFloat)) + 0.5) * step + (low - margin));
    cell *= step;
  }
  const at::Tensor grid = axes.size() == 1 ? axes[0].unsqueeze(1) : at::cartesian_prod(axes);
  const double mass = model_->LogDensity(moved, grid).to(at::kDouble).exp().sum().item<double>() * cell;
  // A box's density jumps at its edges, which costs a share of about perimeter · step; smooth densities are far better.
  EXPECT_NEAR(mass, 1, 0.02);
}

// Gradients reach every parameter that can matter, and agree with finite differences along a direction.
TEST_P(ModelConformance, GradientMatchesFiniteDifferences) {
  const at::Tensor moved = Moved();
  const auto value = [&](const at::Tensor& parameters) {
    const Batch batch = model_->Transport(parameters, noise_);
    at::Tensor total = at::cos(batch.x).sum();
    if (batch.log_density.defined()) total = total + batch.log_density.sum();
    return total;
  };
  const at::Tensor leaf = moved.clone().requires_grad_(true);
  value(leaf).backward();
  at::Generator random = MakeGenerator(6, Purpose::kSamples);
  const at::Tensor direction = at::randn(moved.sizes(), random, at::TensorOptions(at::kFloat));
  constexpr double kStep = 1e-3;
  const double numeric = (value(moved + kStep * direction).item<double>() - value(moved - kStep * direction).item<double>()) / (2 * kStep);
  const double closed = (leaf.grad() * direction).sum().item<double>();
  EXPECT_NEAR(closed, numeric, 0.02 * leaf.grad().norm().item<double>());
}

// Pairs mirror each other about the mean of the base, or the middle of uniform noise, so odd moments vanish exactly.
TEST_P(ModelConformance, PairedNoiseIsBalanced) {
  if (!GetParam().capabilities.identity) {
    at::Generator uniform = MakeGenerator(3, Purpose::kInner);
    EXPECT_TRUE(at::allclose(model_->Draw(100, /*paired=*/true, uniform).z.mean(0), at::full({GetParam().dimension}, 0.5)));
    return;
  }
  if (!model_->has_density() || !initial_->symmetric() || !model_->starts_exact()) GTEST_SKIP() << "noise is not drawn in pairs";
  at::Generator random = MakeGenerator(3, Purpose::kInner);
  const Noise paired = model_->Draw(100, /*paired=*/true, random);
  EXPECT_TRUE(at::allclose(paired.z.mean(0), initial_->mean(), 1e-4, 1e-5));
}

INSTANTIATE_TEST_SUITE_P(Kinds, ModelConformance, ::testing::ValuesIn(kCases), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sliceflow::engine
