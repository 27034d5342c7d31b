// What every functional must do, whatever it is. A new kind is instantiated by one entry of kCases.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iterator>
#include <string>

#include "server/engine/functionals/registry.h"
#include "server/engine/random.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

// What a kind of functional claims of itself.
struct Capabilities {
  bool sample_gradient = true;  // its derivative with respect to samples is not zero
  bool density = false;         // reads log-densities
  bool per_sample = true;       // is a mean over samples, with a standard error
  double difference_step =
      0.01;  // of finite differences; shorter where the gradient has jumps (sorted projections changing places, kinks at 0)
};

struct FunctionalCase {
  std::string name;
  TermSpec spec;
  int dimension = 2;
  Capabilities capabilities;
};

TablePtr RandomTable(int64_t rows, int64_t columns, bool labelled) {
  at::Generator random = MakeGenerator(11, Purpose::kSamples);
  const at::Tensor values = at::randn({rows, columns}, random, at::TensorOptions(at::kFloat));
  if (labelled) values.select(1, columns - 1).copy_(values.select(1, 0).gt(0.2).to(at::kFloat));
  const float* data = values.const_data_ptr<float>();
  return std::make_shared<Table>(Table{.rows = rows, .columns = columns, .values = {data, data + values.numel()}});
}

FunctionalCase Quadratic() { return {"Quadratic", QuadraticPotential{.center = {1.7, 0.4}, .precision = {2.5, 0.3, 0.3, 0.5}}}; }
FunctionalCase Mixture() {
  const WeightedGaussian left{.weight = 1, .gaussian = {.mean = {-1, 0}, .covariance = {0.5, 0.1, 0.1, 0.4}}};
  const WeightedGaussian right{.weight = 3, .gaussian = {.mean = {1, 1}, .covariance = {0.3, 0, 0, 0.6}}};
  return {"GaussianMixture", GaussianMixturePotential{.mixture = {{left, right}}}};
}
FunctionalCase RingCase() { return {"Ring", RingPotential{.center = {0.2, -0.1}, .radius = 1.2, .stiffness = 5}}; }
FunctionalCase Regression() {
  return {"BayesianLogisticRegression", BayesianLogisticRegressionPotential{.table = RandomTable(50, 3, true)}, 4};
}
FunctionalCase DoubleWell() {
  return {"DoubleWell", DoubleWellPotential{.center = {0.3, -0.2, 0.1}, .distance = 1.2, .depth = 0.7, .stiffness = 2}, 3};
}
FunctionalCase Rosenbrock() { return {"Rosenbrock", RosenbrockPotential{.a = 0.8, .b = 5, .scale = 0.3}, 3}; }
FunctionalCase PowerLaw() { return {"PowerLaw", PowerLawInteraction{.attraction = 3, .repulsion = 1.5}}; }
FunctionalCase GaussianKernelCase() { return {"GaussianKernel", GaussianInteraction{.bandwidth = 0.8}}; }
FunctionalCase Morse() {
  return {"Morse",
          MorseInteraction{.attraction = 1.5, .attraction_length = 1.2, .repulsion = 2, .repulsion_length = 0.6},
          2,
          {.difference_step = 0.002}};
}
FunctionalCase KellerSegel() { return {"KellerSegel", KellerSegelInteraction{.chi = 3, .softening = 0.1}}; }
FunctionalCase EntropyCase() { return {"Entropy", EntropyTerm{}, 2, {.sample_gradient = false, .density = true}}; }
FunctionalCase Sliced() {
  return {"SlicedWasserstein",
          SlicedWassersteinTerm{.table = RandomTable(40, 2, false), .num_projections = 64},
          2,
          {.per_sample = false, .difference_step = 0.002}};
}
FunctionalCase PorousMedium() {
  return {"PorousMedium", PorousMediumTerm{.exponent = 2.5}, 2, {.sample_gradient = false, .density = true}};
}
FunctionalCase GaussianMmd() { return {"GaussianMmd", GaussianMmdTerm{.table = RandomTable(30, 2, false)}}; }
FunctionalCase EnergyDistance() { return {"EnergyDistance", EnergyDistanceTerm{.table = RandomTable(30, 2, false)}}; }
FunctionalCase InverseMultiquadric() {
  return {"InverseMultiquadricMmd", InverseMultiquadricMmdTerm{.table = RandomTable(30, 2, false), .scale = 0.7}};
}
FunctionalCase RelativeEntropy() {
  return {"RelativeEntropy",
          RelativeEntropyTerm{.potential = QuadraticPotential{.center = {1, 0}, .precision = {2, 0.3, 0.3, 1}}},
          2,
          {.density = true}};
}

FunctionalCase ExpressionCase() {
  return {"Expression", ExpressionPotential{"def V(x):\n    return torch.logsumexp(2 * x, 1) + 0.1 * (x ** 4).sum(1)\n"}};
}
// Not even, and not finite where a sample meets itself.
FunctionalCase KernelCase() {
  return {"ExpressionKernel",
          ExpressionInteraction{"def W(z):\n    s = (z * z).sum(1)\n    return s * s / 4 - torch.log(s) + 0.5 * z[:, 0]\n"}};
}

constexpr FunctionalCase (*kCases[])() = {Quadratic,      Mixture,  RingCase,           Regression,  DoubleWell,     Rosenbrock,
                                          ExpressionCase, PowerLaw, GaussianKernelCase, Morse,       KellerSegel,    KernelCase,
                                          EntropyCase,    Sliced,   PorousMedium,       GaussianMmd, EnergyDistance, InverseMultiquadric,
                                          RelativeEntropy};
static_assert(std::size(kCases) == std::variant_size_v<TermSpec>, "every kind of functional has its conformance case");

class FunctionalConformanceTest : public ::testing::TestWithParam<size_t> {
 protected:
  FunctionalConformanceTest() : case_(kCases[GetParam()]()) {
    functional_ = MakeFunctional(case_.spec, {.dimension = case_.dimension, .batch_size = kCount, .seed = 3});
    at::Generator random = MakeGenerator(5, Purpose::kSamples);
    batch_.x = at::randn({kCount, case_.dimension}, random, at::TensorOptions(at::kFloat));
    if (case_.capabilities.density) batch_.log_density = at::randn({kCount}, random, at::TensorOptions(at::kFloat));
  }

  // The same random numbers every time.
  TermValue Evaluate(const Batch& batch, bool with_gradient = false) {
    return functional_->Evaluate(batch, {.random = MakeGenerator(9, Purpose::kInner), .with_gradient = with_gradient});
  }

  static constexpr int64_t kCount = 40;
  FunctionalCase case_;
  std::unique_ptr<Functional> functional_;
  Batch batch_;
};

TEST_P(FunctionalConformanceTest, CasesStandInTheOrderOfTheVariant) { EXPECT_EQ(case_.spec.index(), GetParam()); }

TEST_P(FunctionalConformanceTest, DeclaresWhatItNeeds) { EXPECT_EQ(functional_->needs_density(), case_.capabilities.density); }

// Central differences along random directions. Values are sums of floats, good to about 1e-6 of their size, and a step h leaves a
// truncation error of h²: 2 % of the derivative's scale covers both, and a wrong factor or sign does not pass.
TEST_P(FunctionalConformanceTest, GradientMatchesFiniteDifferences) {
  const TermValue value = Evaluate(batch_, /*with_gradient=*/true);
  EXPECT_EQ(value.gradient.defined(), case_.capabilities.sample_gradient);
  if (!case_.capabilities.sample_gradient) return;
  const double step = case_.capabilities.difference_step;
  for (uint64_t trial = 0; trial < 5; ++trial) {
    at::Generator random = MakeGenerator(21, Purpose::kSamples, trial);
    const at::Tensor direction = at::randn(batch_.x.sizes(), random, at::TensorOptions(at::kFloat));
    Batch forward{.x = batch_.x + step * direction, .log_density = batch_.log_density};
    Batch backward{.x = batch_.x - step * direction, .log_density = batch_.log_density};
    const double numeric = (Evaluate(forward).value - Evaluate(backward).value) / (2 * step);
    const double closed = (value.gradient * direction).sum().item<double>();
    const double scale = value.gradient.norm().item<double>() * direction.norm().item<double>() / std::sqrt(batch_.x.numel());
    EXPECT_NEAR(closed, numeric, 0.02 * scale + 1e-5) << "direction " << trial;
  }
}

TEST_P(FunctionalConformanceTest, DensityDerivativeMatchesFiniteDifferences) {
  const TermValue value = Evaluate(batch_, /*with_gradient=*/true);
  EXPECT_EQ(value.density_gradient.defined(), case_.capabilities.density);
  if (!case_.capabilities.density) return;
  const double step = case_.capabilities.difference_step;
  at::Generator random = MakeGenerator(22, Purpose::kSamples);
  const at::Tensor direction = at::randn({kCount}, random, at::TensorOptions(at::kFloat));
  const Batch forward{.x = batch_.x, .log_density = batch_.log_density + step * direction};
  const Batch backward{.x = batch_.x, .log_density = batch_.log_density - step * direction};
  const double numeric = (Evaluate(forward).value - Evaluate(backward).value) / (2 * step);
  const double closed = (value.density_gradient * direction).sum().item<double>();
  const double scale = value.density_gradient.norm().item<double>() * direction.norm().item<double>() / std::sqrt(kCount);
  EXPECT_NEAR(closed, numeric, 0.02 * scale + 1e-5);
}

// The order of samples means nothing. Sums in another order differ by rounding only.
TEST_P(FunctionalConformanceTest, IsInvariantUnderPermutation) {
  at::Generator random = MakeGenerator(13, Purpose::kSamples);
  const at::Tensor order = at::randperm(kCount, random, at::TensorOptions(at::kLong));
  Batch permuted{.x = batch_.x.index_select(0, order)};
  if (case_.capabilities.density) permuted.log_density = batch_.log_density.index_select(0, order);
  const TermValue here = Evaluate(batch_, true);
  const TermValue there = Evaluate(permuted, true);
  EXPECT_NEAR(here.value, there.value, 1e-5 * (1 + std::abs(here.value)));
  if (!here.gradient.defined()) return;
  const double apart = (here.gradient.index_select(0, order) - there.gradient).abs().max().item<double>();
  EXPECT_LE(apart, 1e-5 * (1 + here.gradient.abs().max().item<double>()));
}

TEST_P(FunctionalConformanceTest, PerSampleValuesAverageToTheValue) {
  const TermValue value = Evaluate(batch_);
  EXPECT_EQ(value.per_sample.defined(), case_.capabilities.per_sample);
  if (!case_.capabilities.per_sample) return;
  EXPECT_EQ(value.per_sample.size(0), kCount);
  EXPECT_NEAR(value.per_sample.mean(at::kDouble).item<double>(), value.value, 1e-5 * (1 + std::abs(value.value)));
}

TEST_P(FunctionalConformanceTest, SameDrawSameBits) {
  const TermValue first = Evaluate(batch_, true);
  const TermValue second = Evaluate(batch_, true);
  EXPECT_EQ(first.value, second.value);
  if (!first.gradient.defined()) return;
  EXPECT_TRUE(at::equal(first.gradient, second.gradient));
}

// As a node of a graph its derivatives are the closed forms, times what comes from above.
TEST_P(FunctionalConformanceTest, HandsItsDerivativesToTheGraph) {
  const TermValue value = Evaluate(batch_, true);
  Batch leaf{.x = batch_.x.clone().requires_grad_(true)};
  if (case_.capabilities.density) leaf.log_density = batch_.log_density.clone().requires_grad_(true);
  const at::Tensor loss = 3 * Differentiable(value, leaf);
  EXPECT_NEAR(loss.item<double>(), 3 * value.value, 1e-5 * (1 + std::abs(3 * value.value)));
  loss.backward();
  if (case_.capabilities.sample_gradient) {
    EXPECT_TRUE(at::allclose(leaf.x.grad(), 3 * value.gradient));
  }
  if (case_.capabilities.density) {
    EXPECT_TRUE(at::allclose(leaf.log_density.grad(), 3 * value.density_gradient));
  }
}

// A single sample is a legal batch.
TEST_P(FunctionalConformanceTest, TakesASingleSample) {
  Batch one{.x = batch_.x.narrow(0, 0, 1)};
  if (case_.capabilities.density) one.log_density = batch_.log_density.narrow(0, 0, 1);
  const TermValue value = Evaluate(one, true);
  EXPECT_TRUE(std::isfinite(value.value));
  if (value.gradient.defined()) {
    EXPECT_TRUE(at::isfinite(value.gradient).all().item<bool>());
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FunctionalConformanceTest, ::testing::Range<size_t>(0, std::size(kCases)),
                         [](const auto& info) { return kCases[info.param]().name; });

}  // namespace
}  // namespace sliceflow::engine
