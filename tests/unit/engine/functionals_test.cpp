// Values of functionals against their closed forms.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "server/engine/dense.h"
#include "server/engine/functionals/interaction.h"
#include "server/engine/functionals/mmd.h"
#include "server/engine/functionals/registry.h"
#include "server/engine/mixture_density.h"
#include "server/engine/random.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using std::numbers::pi;

TermValue Evaluate(const TermSpec& spec, const Batch& batch, bool thorough = false, uint64_t draw = 0) {
  const auto dimension = static_cast<int>(batch.x.size(1));
  const std::unique_ptr<Functional> functional = MakeFunctional(spec, {.dimension = dimension, .batch_size = 1 << 20, .seed = 3});
  return functional->Evaluate(batch, {.random = MakeGenerator(9, Purpose::kInner, draw), .thorough = thorough, .with_gradient = true});
}

Batch Points(int64_t dimension, const std::vector<float>& values) {
  return {.x = at::tensor(values, at::kFloat).view({-1, dimension}), .log_density = {}};
}

double ValueAt(const TermSpec& spec, const std::vector<float>& point) {
  return Evaluate(spec, Points(static_cast<int64_t>(point.size()), point)).value;
}

// Samples of a Gaussian with their log-densities.
Batch Draw(const Gaussian& gaussian, int64_t count, uint64_t seed) {
  const MixtureDensity density({{{.weight = 1, .gaussian = gaussian}}}, static_cast<int>(gaussian.mean.size()));
  at::Generator random = MakeGenerator(seed, Purpose::kSamples);
  const at::Tensor x = density.Sample(count, random);
  return {.x = x, .log_density = density.Evaluate(x, /*with_gradient=*/false).log_density};
}

TablePtr TableOf(const at::Tensor& rows) {
  const at::Tensor values = rows.contiguous();
  const float* data = values.const_data_ptr<float>();
  return std::make_shared<Table>(Table{.rows = rows.size(0), .columns = rows.size(1), .values = {data, data + values.numel()}});
}

double StandardError(const TermValue& value) {
  return std::sqrt(value.per_sample.var().item<double>() / static_cast<double>(value.per_sample.size(0)));
}

// Values of a mean over samples lie within four of its own standard errors of what they estimate, 16 times in 17,000; seeds are fixed.
constexpr double kErrors = 4;

const Gaussian kTilted{.mean = {1, -0.5}, .covariance = {1.5, 0.4, 0.4, 0.6}};
const double kTiltedDeterminant = 1.5 * 0.6 - 0.4 * 0.4;

TEST(DoubleWellTest, TwoMinimaAndTheBarrierBetween) {
  const DoubleWellPotential spec{.center = {1, 2, 0}, .distance = 1.5, .depth = 3, .stiffness = 2};
  EXPECT_EQ(ValueAt(spec, {2.5f, 2, 0}), 0);
  EXPECT_EQ(ValueAt(spec, {-0.5f, 2, 0}), 0);
  EXPECT_EQ(ValueAt(spec, {1, 2, 0}), 3);
  EXPECT_EQ(ValueAt(spec, {2.5f, 3, -1}), 2);  // ½ · 2 · (1 + 1)
  EXPECT_EQ(ValueAt(DoubleWellPotential{.center = {0}}, {2}), 9);
  EXPECT_EQ(Evaluate(spec, Points(3, {2.5f, 2, 0})).gradient.abs().max().item<double>(), 0);
}

TEST(RosenbrockTest, IsTheBanana) {
  const RosenbrockPotential spec;
  EXPECT_EQ(ValueAt(spec, {1, 1}), 0);
  EXPECT_NEAR(ValueAt(spec, {0, 0}), 1.0 / 20, 1e-7);
  EXPECT_NEAR(ValueAt(spec, {-1, 1}), 4.0 / 20, 1e-7);
  EXPECT_NEAR(ValueAt(spec, {1, 0}), 100.0 / 20, 1e-6);
  EXPECT_NEAR(ValueAt(spec, {2, 4, 15}), (1 + 9 + 100 * 1) / 20.0, 1e-5);
}

// Two points a distance r apart: the value is ½ W(r), and either is pushed by half of W'(r).
struct Kernel {
  const char* name;
  TermSpec spec;
  double (*w)(double);
};

class TwoPointsTest : public ::testing::TestWithParam<Kernel> {};

TEST_P(TwoPointsTest, ValueAndGradient) {
  const Kernel& kernel = GetParam();
  for (const double r : {0.3, 1.0, 2.5}) {
    const float x = static_cast<float>(0.6 * r);
    const float y = static_cast<float>(0.8 * r);
    const TermValue value = Evaluate(kernel.spec, Points(2, {100, 100, 100 + x, 100 + y}));
    EXPECT_NEAR(value.value, 0.5 * kernel.w(r), 1e-4) << r;  // a coordinate of 100 is good to 4e-6
    const double slope = (kernel.w(r + 1e-4) - kernel.w(r - 1e-4)) / 2e-4;
    EXPECT_NEAR(value.gradient[1][0].item<double>(), 0.5 * slope * 0.6, 1e-3) << r;
    EXPECT_NEAR(value.gradient[0][1].item<double>(), -0.5 * slope * 0.8, 1e-3) << r;
  }
  const TermValue together = Evaluate(kernel.spec, Points(2, {1, 1, 1, 1}));
  EXPECT_TRUE(std::isfinite(together.value));
  EXPECT_TRUE(at::isfinite(together.gradient).all().item<bool>());
}

const Kernel kKernels[] = {
    {"PowerLaw", PowerLawInteraction{.attraction = 4, .repulsion = 2}, [](double r) { return std::pow(r, 4) / 4 - r * r / 2; }},
    {"Gaussian", GaussianInteraction{.bandwidth = 0.7}, [](double r) { return std::exp(-r * r / (2 * 0.49)); }},
    {"Morse", MorseInteraction{}, [](double r) { return 2 * std::exp(-2 * r) - std::exp(-r); }},
    {"KellerSegel", KellerSegelInteraction{.chi = 5, .softening = 0}, [](double r) { return 5 / (2 * pi) * std::log(r); }},
    {"SoftKellerSegel", KellerSegelInteraction{.chi = 5, .softening = 0.5}, [](double r) { return 5 / (4 * pi) * std::log(r * r + 0.25); }},
};

INSTANTIATE_TEST_SUITE_P(Kernels, TwoPointsTest, ::testing::ValuesIn(kKernels), [](const auto& info) { return info.param.name; });

// The mean over independent draws of 60 pairs, of 40 points, against all 780.
TEST(RandomPairsTest, AreUnbiased) {
  const Batch batch = Draw(kTilted, 40, 1);
  const TermValue all = Evaluate(MorseInteraction{}, batch);
  constexpr int kDraws = 400;
  at::Tensor values = at::empty({kDraws}, at::kDouble);
  at::Tensor gradients = at::empty({kDraws, 80}, at::kDouble);
  for (int i = 0; i < kDraws; ++i) {
    const TermValue some = Evaluate(MorseInteraction{.random_pairs = 60}, batch, /*thorough=*/false, static_cast<uint64_t>(i));
    values[i] = some.value;
    gradients[i].copy_(some.gradient.view({-1}));
  }
  // The error told is that of independent pairs; a balanced design, in which every point takes part equally often, does better.
  const double told = Evaluate(MorseInteraction{.random_pairs = 60}, batch).other_error;
  EXPECT_LE(values.std().item<double>(), 1.2 * told);
  EXPECT_GE(values.std().item<double>(), 0.3 * told);
  EXPECT_EQ(all.other_error, 0);
  EXPECT_NEAR(values.mean().item<double>(), all.value, kErrors * values.std().item<double>() / std::sqrt(kDraws));
  // Of 80 coordinates one may stray further: five errors are left out once in 20,000.
  const at::Tensor apart = (gradients.mean(0) - all.gradient.view({-1}).to(at::kDouble)).abs();
  EXPECT_TRUE((apart <= 5 * gradients.std(0) / std::sqrt(kDraws)).all().item<bool>());
}

TEST(RandomPairsTest, AreNeverMoreThanAll) {
  const Batch batch = Draw(kTilted, 40, 1);
  const TermValue all = Evaluate(KellerSegelInteraction{}, batch);
  EXPECT_EQ(Evaluate(KellerSegelInteraction{.random_pairs = 1'000'000}, batch).value, all.value);
  EXPECT_EQ(Evaluate(KellerSegelInteraction{.random_pairs = 1}, batch, /*thorough=*/true).value, all.value);
}

// All pairs of so many would be 2·10¹⁰.
TEST(RandomPairsTest, TakeManySamples) {
  const Gaussian standard = testing::StandardGaussian(2);
  const TermValue value = Evaluate(GaussianInteraction{.random_pairs = 200'000}, Draw(standard, 200'000, 2));
  // E exp(−|x − y|²/2), x − y ~ N(0, 2I): (1/3)^{d/2}.
  EXPECT_NEAR(value.value, 0.5 / 3, kErrors * StandardError(value));
  EXPECT_LT(StandardError(value), 0.001);
}

// ∫ρ^m = (2π)^{d(1−m)/2} |Σ|^{(1−m)/2} m^{−d/2} for N(·, Σ).
TEST(PorousMediumTest, OfAGaussian) {
  const Batch batch = Draw(kTilted, 20'000, 4);
  for (const double m : {1.5, 2.0, 3.0}) {
    const TermValue value = Evaluate(PorousMediumTerm{.exponent = m}, batch);
    const double integral = std::pow(2 * pi, 1 - m) * std::pow(kTiltedDeterminant, (1 - m) / 2) / m;
    EXPECT_NEAR(value.value, integral / (m - 1), kErrors * StandardError(value)) << m;
    EXPECT_LT(StandardError(value), 0.01 * value.value) << m;
  }
}

// Uniform on a volume v: v^{1−m}/(m − 1), without sampling error.
TEST(PorousMediumTest, OfAUniformDistribution) {
  Batch batch = Draw(kTilted, 10, 4);
  batch.log_density = at::full({10}, -std::log(6.0), at::kFloat);
  EXPECT_NEAR(Evaluate(PorousMediumTerm{.exponent = 3}, batch).value, 1.0 / 36 / 2, 1e-7);
}

// A density of 10⁴⁰ is no float; its square root is none of anybody's concern.
TEST(PorousMediumTest, OfADensityBeyondFloats) {
  Batch batch = Draw(kTilted, 4, 4);
  batch.log_density = at::full({4}, 40 * std::log(10.0), at::kFloat);
  EXPECT_NEAR(Evaluate(PorousMediumTerm{.exponent = 2}, batch).value, 1e40, 1e35);
}

// KL(N(m, Σ) ‖ N(b, A⁻¹)) = ½ (tr AΣ + (m − b)ᵀA(m − b) − d − log det A − log det Σ).
TEST(RelativeEntropyTest, BetweenGaussians) {
  const QuadraticPotential target{.center = {0.5, 0.5}, .precision = {2, -0.5, -0.5, 1}};
  const double trace = 2 * 1.5 - 2 * 0.5 * 0.4 + 0.6;
  const double mean = 2 * 0.25 - 2 * 0.5 * 0.5 * -1 + 1;
  const double exact = 0.5 * (trace + mean - 2 - std::log(2 - 0.25) - std::log(kTiltedDeterminant));
  const Batch batch = Draw(kTilted, 20'000, 5);
  const TermValue to_potential = Evaluate(RelativeEntropyTerm{.potential = target}, batch);
  EXPECT_NEAR(to_potential.value, exact, kErrors * StandardError(to_potential));
  EXPECT_LT(StandardError(to_potential), 0.02);
  // The same target told as a mixture of one: covariance A⁻¹.
  const GaussianMixture mixture{
      {{.weight = 7, .gaussian = {.mean = {0.5, 0.5}, .covariance = {1 / 1.75, 0.5 / 1.75, 0.5 / 1.75, 2 / 1.75}}}}};
  const TermValue to_mixture = Evaluate(RelativeEntropyTerm{.potential = GaussianMixturePotential{mixture}}, batch);
  EXPECT_NEAR(to_mixture.value, to_potential.value, 1e-4);
  // From the target itself every sample's log-ratio is 0.
  const TermValue none =
      Evaluate(RelativeEntropyTerm{.potential = GaussianMixturePotential{mixture}}, Draw(mixture.components[0].gaussian, 100, 6));
  EXPECT_NEAR(none.per_sample.abs().max().item<double>(), 0, 1e-5);
}

// For a potential without a known constant: the sum of its two parts.
TEST(RelativeEntropyTest, IsPotentialAndEntropy) {
  const Batch batch = Draw(kTilted, 50, 5);
  const RosenbrockPotential potential;
  const double parts = Evaluate(potential, batch).value + Evaluate(EntropyTerm{}, batch).value;
  EXPECT_NEAR(Evaluate(RelativeEntropyTerm{.potential = potential}, batch).value, parts, 1e-6 * std::abs(parts));
}

// E k(x, y) = (h²/(h² + v))^{d/2} exp(−|m|²/(2 (h² + v))) for x − y ~ N(m, vI).
double MeanGaussianKernel(double h, double v, double square_of_mean) {
  return h * h / (h * h + v) * std::exp(-square_of_mean / (2 * (h * h + v)));
}

TEST(MmdTest, BetweenGaussians) {
  const Gaussian rho{.mean = {0, 0}, .covariance = testing::Identity(2, 1)};
  const Gaussian nu{.mean = {1, 0.5}, .covariance = testing::Identity(2, 0.25)};
  const double h = 0.8;
  const double exact = 0.5 * (MeanGaussianKernel(h, 2, 0) - 2 * MeanGaussianKernel(h, 1.25, 1.25) + MeanGaussianKernel(h, 0.5, 0));
  const Batch batch = Draw(rho, 2000, 7);
  const TablePtr table = TableOf(Draw(nu, 2000, 8).x);
  const TermValue value = Evaluate(GaussianMmdTerm{.table = table, .bandwidth = h}, batch);
  // The rows' own error is that of the same U-statistic seen from the other side.
  const TermValue mirrored = Evaluate(GaussianMmdTerm{.table = TableOf(batch.x), .bandwidth = h}, {.x = ViewOf(*table), .log_density = {}});
  EXPECT_NEAR(mirrored.value, value.value, 1e-6);
  EXPECT_NEAR(value.value, exact, kErrors * std::hypot(StandardError(value), StandardError(mirrored)));
  EXPECT_LT(StandardError(value), 0.05 * exact);
}

// All mass of ρ at 0 and of ν at 1: ½ (k(0) − 2 k(1) + k(0)).
TEST(MmdTest, BetweenTwoPoints) {
  const Batch batch = Points(1, {0, 0, 0});
  const TablePtr table = TableOf(at::ones({2, 1}, at::kFloat));
  EXPECT_NEAR(Evaluate(GaussianMmdTerm{.table = table, .bandwidth = 1}, batch).value, 1 - std::exp(-0.5), 1e-6);
  EXPECT_NEAR(Evaluate(InverseMultiquadricMmdTerm{.table = table, .scale = 1}, batch).value, 1 - 1 / std::sqrt(2.0), 1e-6);
  EXPECT_NEAR(Evaluate(EnergyDistanceTerm{.table = table}, batch).value, 1, 1e-5);  // distances of 0 count as 1e-6
}

// Independent samples of one law: 0 on average, so below 0 about as often as above.
TEST(MmdTest, IsUnbiasedAtZero) {
  int below = 0;
  double sum = 0;
  double squares = 0;
  constexpr int kTrials = 200;
  for (uint64_t i = 0; i < kTrials; ++i) {
    const TablePtr table = TableOf(Draw(kTilted, 30, 1000 + i).x);
    const double value = Evaluate(EnergyDistanceTerm{.table = table}, Draw(kTilted, 20, i)).value;
    below += value < 0;
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kTrials, 0, kErrors * std::sqrt(squares) / kTrials);
  EXPECT_GT(below, kTrials / 4);
}

TEST(MmdTest, ReportsCompareWithTheSameRows) {
  const TablePtr table = TableOf(Draw(kTilted, 9000, 3).x);
  const Batch batch = Draw(kTilted, 10, 1);
  MmdFunctional mmd(table, std::make_unique<EnergyDistanceKernel>(), /*batch_size=*/50, /*seed=*/1);
  const auto value = [&](bool thorough, uint64_t draw) {
    return mmd.Evaluate(batch, {.random = MakeGenerator(9, Purpose::kInner, draw), .thorough = thorough}).value;
  };
  EXPECT_EQ(value(true, 1), value(true, 2));
  EXPECT_NE(value(false, 1), value(false, 2));
}

TEST(MmdTest, TheDefaultLengthIsTheMedianDistance) {
  EXPECT_EQ(MedianDistance({.rows = 3, .columns = 1, .values = {0, 1, 3}}, 1), 2);
  EXPECT_EQ(MedianDistance({.rows = 4, .columns = 1, .values = {0, 0, 0, 5}}, 1), 5);
  EXPECT_EQ(MedianDistance({.rows = 2, .columns = 2, .values = {1, 2, 1, 2}}, 1), 1);
  const TablePtr table = TableOf(Draw({.mean = {0}, .covariance = {1}}, 5000, 3).x);
  EXPECT_EQ(MedianDistance(*table, 1), MedianDistance(*table, 1));
  EXPECT_NE(MedianDistance(*table, 1), MedianDistance(*table, 2));
  // |x − y| of the standard Gaussian has the median 0.6745 √2 = 0.954; of 1000 rows it is good to about 1/√1000.
  EXPECT_NEAR(MedianDistance(*table, 1), 0.954, 0.1);
  const Batch batch = Draw({.mean = {1}, .covariance = {1}}, 100, 4);
  EXPECT_EQ(Evaluate(GaussianMmdTerm{.table = table}, batch).value,
            Evaluate(GaussianMmdTerm{.table = table, .bandwidth = MedianDistance(*table, 3)}, batch).value);
}

}  // namespace
}  // namespace sliceflow::engine
