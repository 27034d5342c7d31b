// Distances against closed forms, and their standard errors against the spread over seeds.
#include "server/engine/distance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using ::testing::HasSubstr;
using testing::Identity;
using testing::OrnsteinUhlenbeckSpec;
using testing::Repeat;

TablePtr MakeTable(int64_t columns, std::vector<float> values) {
  const auto rows = static_cast<int64_t>(values.size()) / columns;
  return std::make_shared<const Table>(Table{.rows = rows, .columns = columns, .values = std::move(values)});
}

// Points with nothing regular about them, without a random generator.
std::vector<float> Scattered(size_t count, double scale) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(scale * std::sin(12.9898 * static_cast<double>(i * i + 1)));
  return values;
}

GaussianMixture MakeGaussian(std::vector<double> mean, std::vector<double> covariance) {
  return {.components = {{1, {std::move(mean), std::move(covariance)}}}};
}

Distance MustCompute(const DistanceRequest& request, const Operand& first, const Operand& second) {
  absl::StatusOr<Distance> distance = ComputeDistance(request, first, second);
  EXPECT_TRUE(distance.ok()) << distance.status();
  return distance.ok() ? *distance : Distance{};
}

double Value(const DistanceSpec& spec, const Operand& first, const Operand& second) {
  return MustCompute({.distance = spec}, first, second).value;
}

void ExpectRefused(const DistanceRequest& request, const Operand& first, const Operand& second, absl::StatusCode code,
                   const std::string& words) {
  const absl::Status status = ComputeDistance(request, first, second).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(status.message(), HasSubstr(words));
}

// Between N(m₁, Σ₁) and N(m₂, Σ₂) with diagonal Σ: |m₁ − m₂|² + Σ_k (σ₁ − σ₂)². Of known laws without features it is exact.
TEST(FrechetDistanceTest, WithoutFeaturesIsThatOfTheSamplesThemselves) {
  const GaussianMixture p = MakeGaussian({0, 1}, {4, 0, 0, 1});
  const GaussianMixture q = MakeGaussian({3, 1}, {1, 0, 0, 9});
  const Distance distance = MustCompute({.distance = FrechetDistance{}}, p, q);
  EXPECT_NEAR(distance.value, 9 + 1 + 4, 1e-9);
  EXPECT_EQ(distance.standard_error, 0);
  const TablePtr table = MakeTable(2, Scattered(400, 1));
  EXPECT_EQ(Value(FrechetDistance{}, table, p), Value(BuresDistance{}, table, p));
}

// The features Wᵀx + b of Gaussians are Gaussian again: N(Wᵀm + b, WᵀΣW), here of independent features. Samples tell it to its own standard
// error: four of them, and the bias of order k²/n below .001.
TEST(FrechetDistanceTest, OfAnAffineMapIsThatOfTheMappedGaussians) {
  const DistanceSpec spec = FrechetDistance{"def features(x, w, b): return x @ w + b", {MakeTable(2, {2, 0, 0, 1}), MakeTable(2, {5, -5})}};
  const GaussianMixture p = MakeGaussian({0, 1}, {4, 0, 0, 1});
  const GaussianMixture q = MakeGaussian({0.5, 1}, {1, 0, 0, 4});
  const Distance distance = MustCompute({.distance = spec, .samples = 20'000}, p, q);
  EXPECT_GT(distance.standard_error, 0);
  EXPECT_NEAR(distance.value, 1 + 4 + 1, 4 * distance.standard_error + 1e-3);
  EXPECT_LT(distance.standard_error, 0.2);
  const Distance identity = MustCompute({.distance = FrechetDistance{"def features(x): return x", {}}, .samples = 20'000}, p, q);
  EXPECT_NEAR(identity.value, 0.25 + 1 + 1, 4 * identity.standard_error + 1e-3);
}

// A deviation estimated from 60 values is itself uncertain by 1/√118 = 9 %: four of them.
TEST(FrechetDistanceTest, StandardErrorIsTheSpreadOverSeeds) {
  const DistanceSpec spec = FrechetDistance{"def features(x): return torch.stack([x[:, 0] + x[:, 1], torch.tanh(x[:, 1])], 1)", {}};
  const GaussianMixture p = MakeGaussian({0, 1}, {1, 0, 0, 1});
  const GaussianMixture q = MakeGaussian({1, 1}, {2, 0, 0, 1});
  constexpr int kSeeds = 60;
  double sum = 0, squares = 0, error = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const Distance distance = MustCompute({.distance = spec, .samples = 500, .seed = static_cast<uint64_t>(seed)}, p, q);
    sum += distance.value;
    squares += distance.value * distance.value;
    error += distance.standard_error / kSeeds;
  }
  const double spread = std::sqrt((squares - sum * sum / kSeeds) / (kSeeds - 1));
  EXPECT_NEAR(error / spread, 1, 0.37);
}

TEST(FrechetDistanceTest, RefusesFeaturesThatAreNone) {
  const GaussianMixture p = MakeGaussian({0, 1}, {1, 0, 0, 1});
  const auto refused = [&](const char* source, const std::string& words) {
    ExpectRefused({.distance = FrechetDistance{source, {}}, .samples = 100}, p, p, absl::StatusCode::kInvalidArgument, words);
  };
  refused("def features(x, w): return x @ w", "must take one tensor");
  refused("def features(x): return x.sum(1)", "it must give a row for each");
  refused("def features(x): return x - x.mean(0)", "rows must be independent");
  refused("def features(x): return torch.log(x - 100)", "not finite");
  refused("def features(x): return x.repeat([1, 300])", "it gives 600 features; at most 512");
  refused("def features(x): return x + torch.rand_like(x)", "draws random numbers");
  EXPECT_EQ(CheckFeatures(FrechetDistance{"def features(x):\n    y = x\n    return y + torch.rand_like(x)\n", {}}, 2)->line, 3);
  EXPECT_FALSE(CheckFeatures(FrechetDistance{"def features(x): return x", {}}, 2).has_value());
}

TEST(SlicedWassersteinDistanceTest, BetweenTranslatesIsTheSquareOverTheDimension) {
  for (const int dimension : {1, 2, 3, 8}) {
    const auto d = static_cast<size_t>(dimension);
    const std::vector<float> points = Scattered(100 * d, 1);
    std::vector<float> moved = points;
    double squared = 0;
    for (size_t k = 0; k < d; ++k) {
      const double shift = 0.5 + static_cast<double>(k);
      squared += shift * shift;
      for (size_t i = k; i < moved.size(); i += d) moved[i] += static_cast<float>(shift);
    }
    // The mean of ⟨θ,v⟩² over whole orthonormal frames, or over equally spaced angles, is |v|²/d itself: only float rounding is left.
    const DistanceSpec spec = SlicedWassersteinDistance{.order = 2, .num_projections = 24 * dimension};
    EXPECT_NEAR(Value(spec, MakeTable(dimension, points), MakeTable(dimension, moved)), squared / dimension, 1e-5 * squared) << dimension;
  }
}

TEST(SlicedWassersteinDistanceTest, BetweenCentredGaussiansIsTheSquareOfTheScales) {
  const Distance distance = MustCompute({.distance = SlicedWassersteinDistance{.num_projections = 300}, .samples = 4000},
                                        MakeGaussian(Repeat(3, 0), Identity(3, 4)), MakeGaussian(Repeat(3, 0), Identity(3, 1)));
  // (2 − 1)²; the fitted scales have errors of 2/√(2nd) and 1/√(2nd), so the value one of 2 √(5/(2nd)) = .029: three of them.
  EXPECT_NEAR(distance.value, 1, 0.09);
  EXPECT_EQ(distance.first_samples, 4000);
  EXPECT_GT(distance.standard_error, 0);
}

// By hand, x = {0, 1}, y = {0, ½, 1}: of the masses 1/3, 1/6, 1/6, 1/3 only the two in the middle move, by ½.
TEST(SlicedWassersteinDistanceTest, OnTheLineIsExactForUnequalSizesAndEveryOrder) {
  const TablePtr two = MakeTable(1, {1, 0});
  const TablePtr three = MakeTable(1, {0.5f, 1, 0});
  for (const double order : {1.0, 1.5, 2.0, 3.0}) {
    const Distance distance = MustCompute({.distance = SlicedWassersteinDistance{.order = order}}, two, three);
    EXPECT_NEAR(distance.value, std::pow(0.5, order) / 3, 1e-7) << order;
    EXPECT_EQ(distance.standard_error, 0);
    EXPECT_EQ(distance.first_samples, 2);
    EXPECT_EQ(distance.second_samples, 3);
  }
  EXPECT_NEAR(Value(WassersteinDistance{}, two, three), 1.0 / 12, 1e-12);
}

TEST(SlicedWassersteinDistanceTest, OrdersAgreeWhereTheyMust) {
  const TablePtr x = MakeTable(2, Scattered(400, 1));
  const TablePtr y = MakeTable(2, Scattered(600, 2));
  const double squared = Value(SlicedWassersteinDistance{.order = 2, .num_projections = 40}, x, y);
  // The kernels against sorted projections of nearly the same order: the derivative of |a|^p in p is below 1 here.
  EXPECT_NEAR(Value(SlicedWassersteinDistance{.order = 2 + 1e-9, .num_projections = 40}, x, y), squared, 1e-5);
}

TEST(WassersteinDistanceTest, OnTheLineIsTheMeanSquareOfSortedDifferences) {
  std::vector<float> x = Scattered(300, 1);
  std::vector<float> y = Scattered(300, 3);
  for (float& value : y) value += 0.25f;
  const double value = Value(WassersteinDistance{}, MakeTable(1, x), MakeTable(1, y));
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  double expected = 0;
  for (size_t i = 0; i < x.size(); ++i) expected += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2) / 300;
  EXPECT_NEAR(value, expected, 1e-12);
}

// The optimal plan between translates is the translation; with the larger side cut to the size of the smaller.
TEST(WassersteinDistanceTest, BetweenTranslatesInThePlane) {
  const std::vector<float> points = Scattered(1000, 1);
  std::vector<float> moved = points;
  for (float& value : moved) value += 2;
  const Distance distance = MustCompute({.distance = WassersteinDistance{}}, MakeTable(2, points), MakeTable(2, moved));
  EXPECT_NEAR(distance.value, 8, 1e-5);
  moved.resize(600);
  const Distance cut = MustCompute({.distance = WassersteinDistance{}}, MakeTable(2, points), MakeTable(2, moved));
  EXPECT_EQ(cut.first_samples, 300);
  EXPECT_EQ(cut.second_samples, 300);
}

TEST(BuresDistanceTest, IsExactBetweenKnownDensities) {
  // In the plane tr (Σ₁^{1/2} Σ₂ Σ₁^{1/2})^{1/2} = √(tr Σ₁Σ₂ + 2 √(det Σ₁ det Σ₂)).
  const std::vector<double> p{2, 0.5, 0.5, 1};
  const std::vector<double> q{1, -0.3, -0.3, 3};
  const double product_trace = p[0] * q[0] + 2 * p[1] * q[1] + p[3] * q[3];
  const double determinants = (p[0] * p[3] - p[1] * p[1]) * (q[0] * q[3] - q[1] * q[1]);
  const double expected = 4 + 1 + (3 + 4) - 2 * std::sqrt(product_trace + 2 * std::sqrt(determinants));
  const Distance distance = MustCompute({.distance = BuresDistance{}}, MakeGaussian({2, 0}, p), MakeGaussian({0, 1}, q));
  EXPECT_NEAR(distance.value, expected, 1e-12);
  EXPECT_EQ(distance.standard_error, 0);
}

TEST(BuresDistanceTest, TakesPointsThatSpanNoVolume) {
  // Both clouds lie on a line: fits are singular, and the distance is that on the line, (2 − 1)² times the variance 1 in its direction.
  const TablePtr x = MakeTable(2, {1, 0, -1, 0});
  const TablePtr y = MakeTable(2, {2, 0, -2, 0});
  EXPECT_NEAR(Value(BuresDistance{}, x, y), 1, 1e-9);
}

TEST(KlDistanceTest, BetweenGaussiansIsWithinFourErrorsOfItsClosedForm) {
  const GaussianMixture p = MakeGaussian({1, 0}, {2, 0, 0, 0.5});
  const GaussianMixture q = MakeGaussian({0, 0}, Identity(2));
  // ½ (tr Σ + |m|² − d − log det Σ), and the other way ½ (tr Σ⁻¹ + mᵀΣ⁻¹m − d + log det Σ); det Σ = 1.
  const double there = 0.5 * (2.5 + 1 - 2);
  const double back = 0.5 * (2.5 + 0.5 - 2);
  const Distance kl = MustCompute({.distance = KlDistance{}}, p, q);
  EXPECT_NEAR(kl.value, there, 4 * kl.standard_error);
  EXPECT_LT(kl.standard_error, 0.03);
  const Distance symmetric = MustCompute({.distance = SymmetricKlDistance{}}, p, q);
  EXPECT_NEAR(symmetric.value, there + back, 4 * symmetric.standard_error);
  // Known densities have exact moments, and both are Gaussian: no error at all.
  const Distance fitted = MustCompute({.distance = GaussianSymmetricKlDistance{}}, p, q);
  EXPECT_NEAR(fitted.value, there + back, 1e-12);
  EXPECT_EQ(fitted.standard_error, 0);
}

TEST(KlDistanceTest, OfAFlowToItsOwnLawIsZeroAndToABoxInfinite) {
  const StopLatch stop;
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  const auto gaussian = Flow::Create(spec, stop);
  ASSERT_TRUE(gaussian.ok()) << gaussian.status();
  spec.initial = UniformBox{.lower = Repeat(2, -1), .upper = Repeat(2, 1)};
  const auto box = Flow::Create(spec, stop);
  ASSERT_TRUE(box.ok()) << box.status();
  // Step 0 is ρ₀ exactly: the two log-densities differ by float rounding.
  EXPECT_NEAR(Value(KlDistance{}, gaussian->get(), MakeGaussian(Repeat(2, 0), Identity(2))), 0, 1e-5);
  EXPECT_EQ(Value(KlDistance{}, gaussian->get(), box->get()), HUGE_VAL);
  // KL(box ‖ N(0, I)) = −log 4 + log 2π + ½ E|x|², E|x|² = 2/3.
  const Distance inside = MustCompute({.distance = KlDistance{}}, box->get(), gaussian->get());
  EXPECT_NEAR(inside.value, std::log(M_PI / 2) + 1.0 / 3, 4 * inside.standard_error);
}

TEST(MmdDistanceTest, BetweenGaussiansIsWithinFourErrorsOfItsClosedForm) {
  const double bandwidth = 1.5;
  const Distance distance = MustCompute({.distance = MmdDistance{.bandwidth = bandwidth}, .samples = 2000},
                                        MakeGaussian({1, 0, 0}, Identity(3)), MakeGaussian(Repeat(3, 0), Identity(3)));
  // X − Y ~ N(Δ, 2I): E k = (σ²/(σ² + 2))^{d/2} exp(−|Δ|²/(2(σ² + 2))).
  const double widened = bandwidth * bandwidth + 2;
  const double expected = 2 * std::pow(bandwidth * bandwidth / widened, 1.5) * (1 - std::exp(-1 / (2 * widened)));
  EXPECT_NEAR(distance.value, expected, 4 * distance.standard_error);
  EXPECT_LT(distance.standard_error, 0.2 * expected);
  EXPECT_EQ(distance.bandwidth, bandwidth);
}

TEST(MmdDistanceTest, TakesTheMedianDistanceAsItsBandwidth) {
  // The pooled points are 0, 0, 3, 3 on the line: of six pairs two are 0 apart and four are 3.
  const TablePtr x = MakeTable(1, {0, 3});
  EXPECT_NEAR(MustCompute({.distance = MmdDistance{}}, x, x).bandwidth, 3, 1e-9);
  const TablePtr same = MakeTable(1, {2, 2, 2});
  const Distance distance = MustCompute({.distance = MmdDistance{}}, same, same);
  EXPECT_EQ(distance.bandwidth, 1);
  EXPECT_EQ(distance.value, 0);
}

TEST(EnergyDistanceTest, BetweenGaussiansOnTheLineIsWithinFourErrorsOfItsClosedForm) {
  const double mean = 2;
  const Distance distance = MustCompute({.distance = EnergyDistance{}, .samples = 2000}, MakeGaussian({mean}, {1}), MakeGaussian({0}, {1}));
  // |N(μ, 2)| has the mean 2/√π e^{−μ²/4} + μ erf(μ/2).
  const double apart = 2 / std::sqrt(M_PI) * std::exp(-mean * mean / 4) + mean * std::erf(mean / 2);
  EXPECT_NEAR(distance.value, 2 * apart - 4 / std::sqrt(M_PI), 4 * distance.standard_error);
  EXPECT_LT(distance.standard_error, 0.2);
}

TEST(DistanceTest, StandardErrorsOverSamplesAreTheSpreadOverSeeds) {
  const GaussianMixture p = MakeGaussian({1.5}, {2});
  const GaussianMixture q{.components = {{1, {{-1}, {1}}}, {1, {{0}, {0.5}}}}};
  constexpr int kSeeds = 60;
  for (const DistanceSpec& spec :
       std::vector<DistanceSpec>{WassersteinDistance{}, MmdDistance{1.0}, EnergyDistance{}, KlDistance{}, SymmetricKlDistance{}}) {
    double sum = 0, squares = 0, error = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
      const Distance distance = MustCompute({.distance = spec, .samples = 400, .seed = static_cast<uint64_t>(seed)}, p, q);
      sum += distance.value;
      squares += distance.value * distance.value;
      error += distance.standard_error / kSeeds;
    }
    const double spread = std::sqrt((squares - sum * sum / kSeeds) / (kSeeds - 1));
    // A deviation estimated from 60 values is itself uncertain by 1/√118 = 9 %: four of them.
    EXPECT_NEAR(error / spread, 1, 0.37) << spec.index();
  }
}

// As above for kinds that take exact moments of known densities: tables of samples are fitted.
TEST(DistanceTest, StandardErrorsOfFitsAreTheSpreadOverSubsets) {
  const StopLatch stop;
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.initial = Gaussian{{1, 0}, {2, 0.3, 0.3, 1}};
  const auto flow = Flow::Create(spec, stop);
  ASSERT_TRUE(flow.ok()) << flow.status();
  const GaussianMixture target = MakeGaussian({0, 0.5}, Identity(2));
  constexpr int kSeeds = 60;
  for (const DistanceSpec& kind : std::vector<DistanceSpec>{BuresDistance{}, GaussianSymmetricKlDistance{}}) {
    double sum = 0, squares = 0, error = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
      const DistanceRequest request{.distance = kind, .samples = 500, .seed = static_cast<uint64_t>(seed)};
      const Distance distance = seed % 2 == 0 ? MustCompute(request, flow->get(), target) : MustCompute(request, target, flow->get());
      sum += distance.value;
      squares += distance.value * distance.value;
      error += distance.standard_error / kSeeds;
    }
    const double spread = std::sqrt((squares - sum * sum / kSeeds) / (kSeeds - 1));
    EXPECT_NEAR(error / spread, 1, 0.37) << kind.index();
  }
}

TEST(DistanceTest, TheSameSeedGivesTheSameBitsAndSidesAreIndependent) {
  const GaussianMixture law = MakeGaussian(Repeat(2, 0), Identity(2));
  const DistanceRequest request{.distance = SlicedWassersteinDistance{.num_projections = 20}, .samples = 200, .seed = 5};
  const double value = MustCompute(request, law, law).value;
  EXPECT_EQ(MustCompute(request, law, law).value, value);
  EXPECT_GT(value, 0);
}

TEST(DistanceTest, RefusesWhatHasNoAnswer) {
  const TablePtr line = MakeTable(1, {0, 1, 2});
  const TablePtr plane = MakeTable(2, {0, 1, 2, 3});
  const TablePtr point = MakeTable(1, {0});
  const GaussianMixture law = MakeGaussian(Repeat(2, 0), Identity(2));
  const auto invalid = absl::StatusCode::kInvalidArgument;
  ExpectRefused({.distance = EnergyDistance{}}, line, plane, invalid, "dimensions are 1 and 2");
  ExpectRefused({.distance = EnergyDistance{}}, line, point, invalid, "at least two samples");
  ExpectRefused({.distance = EnergyDistance{}}, plane, GaussianMixture{}, invalid, "dimension");
  ExpectRefused({.distance = EnergyDistance{}}, plane, MakeGaussian({0, 0}, {1, 2, 2, 1}), invalid, "positive definite");
  ExpectRefused({.distance = EnergyDistance{}}, plane, TablePtr(), invalid, "without values");
  ExpectRefused({.distance = EnergyDistance{}, .samples = 1}, plane, law, invalid, "samples");
  ExpectRefused({.distance = WassersteinDistance{}, .samples = 2049}, law, law, invalid, "at most 2048");
  ExpectRefused({.distance = SlicedWassersteinDistance{.order = 0.5}}, law, law, invalid, "order");
  ExpectRefused({.distance = SlicedWassersteinDistance{.num_projections = 0}}, law, law, invalid, "num_projections");
  ExpectRefused({.distance = MmdDistance{.bandwidth = -1}}, law, law, invalid, "bandwidth");
  const GaussianMixture far = MakeGaussian({1e39, 0}, Identity(2));
  ExpectRefused({.distance = WassersteinDistance{}, .samples = 100}, far, far, absl::StatusCode::kOutOfRange, "too far out");
  ExpectRefused({.distance = BuresDistance{}}, MakeTable(1, {0, 3e38f}), line, absl::StatusCode::kOutOfRange, "too far out");
  ExpectRefused({.distance = SlicedWassersteinDistance{}}, MakeTable(1, {0, 3e38f}), line, absl::StatusCode::kOutOfRange, "too far out");
  ExpectRefused({.distance = KlDistance{}}, law, plane, absl::StatusCode::kFailedPrecondition, "densities");
  ExpectRefused({.distance = SymmetricKlDistance{}}, plane, law, absl::StatusCode::kFailedPrecondition, "densities");
}

}  // namespace
}  // namespace sliceflow::engine
