// What every functional must do, whatever it is. A new kind is instantiated by one entry of FunctionalCases.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "server/engine/functionals/registry.h"
#include "server/engine/random.h"
#include "tests/conformance/device.h"
#include "tests/conformance/functional_cases.h"

namespace sliceflow::engine {
namespace {

std::vector<double> DoublesOf(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kDouble).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

Points PointsOf(const Batch& batch) {
  return {.count = batch.x.size(0),
          .dimension = batch.x.size(1),
          .x = DoublesOf(batch.x),
          .log_density = batch.log_density.defined() ? DoublesOf(batch.log_density) : std::vector<double>{}};
}

// Central differences in double with respect to each of `coordinates`. A step of 1e-6 leaves a truncation error of 1e-12 and a rounding
// error of 1e-10 of the value, and is too short for two projections of the cases' samples to change places.
std::vector<double> Differences(const Formula& formula, Points points, std::vector<double> Points::*coordinates) {
  constexpr double kStep = 1e-6;
  std::vector<double> differences;
  for (double& coordinate : points.*coordinates) {
    const double here = coordinate;
    coordinate = here + kStep;
    const double forward = formula(points);
    coordinate = here - kStep;
    differences.push_back((forward - formula(points)) / (2 * kStep));
    coordinate = here;
  }
  return differences;
}

// A float is good to 6e-8. A derivative is a sum of some 40 terms, each a few operations long and, where they cancel, up to ten times the
// sum: 1e-5 of the largest entry holds everywhere, five times what was measured. No term that is missing, however small, passes: the share of
// the hyper-prior in Bayesian logistic regression, a thousandth of the largest entry, does not.
constexpr double kGradientTolerance = 1e-5;
// Values are means of as many terms that cancel less; measured below 2e-7.
constexpr double kValueTolerance = 1e-6;

void ExpectGradient(const at::Tensor& closed, const std::vector<double>& numeric) {
  const std::vector<double> entries = closed.defined() ? DoublesOf(closed) : std::vector<double>(numeric.size(), 0.0);
  ASSERT_EQ(entries.size(), numeric.size());
  double scale = 0;
  for (const double entry : numeric) scale = std::max(scale, std::abs(entry));
  for (size_t i = 0; i < numeric.size(); ++i) EXPECT_NEAR(entries[i], numeric[i], kGradientTolerance * scale) << "entry " << i;
}

class FunctionalConformanceTest : public ::testing::TestWithParam<size_t> {
 protected:
  FunctionalConformanceTest() : case_(FunctionalCases()[GetParam()]) {
    functional_ = MakeFunctional(case_.spec, {.dimension = case_.dimension, .batch_size = kCount, .seed = 3});
    at::Generator random = MakeGenerator(5, Purpose::kSamples);
    batch_.x = at::randn({kCount, case_.dimension}, random, at::TensorOptions(at::kFloat));
    if (case_.capabilities.density) batch_.log_density = at::randn({kCount}, random, at::TensorOptions(at::kFloat));
  }

  void SetUp() override { SkipWithoutDevice(); }

  // The same random numbers every time.
  TermValue Evaluate(const Batch& batch, bool with_gradient = false) {
    return functional_->Evaluate(batch, {.random = CaseRandom(), .with_gradient = with_gradient});
  }

  static constexpr int64_t kCount = kCaseSamples;
  FunctionalCase case_;
  std::unique_ptr<Functional> functional_;
  Batch batch_;
};

TEST_P(FunctionalConformanceTest, CasesStandInTheOrderOfTheVariant) { EXPECT_EQ(case_.spec.index(), GetParam()); }

TEST_P(FunctionalConformanceTest, DeclaresWhatItNeeds) { EXPECT_EQ(functional_->needs_density(), case_.capabilities.density); }

// Against the case's formula in double. Terms that draw are compared at the case's draw: directions of the sliced distance; other cases
// have settings with which nothing is drawn (all pairs, all rows).
TEST_P(FunctionalConformanceTest, ValueIsThatOfTheFormulaInDouble) {
  ASSERT_TRUE(case_.formula) << "a kind without a formula";
  const double exact = case_.formula(PointsOf(batch_));
  EXPECT_NEAR(Evaluate(batch_).value, exact, kValueTolerance * (1 + std::abs(exact)));
}

TEST_P(FunctionalConformanceTest, GradientIsThatOfTheFormulaInDouble) {
  const TermValue value = Evaluate(batch_, /*with_gradient=*/true);
  EXPECT_EQ(value.gradient.defined(), case_.capabilities.sample_gradient);
  ExpectGradient(value.gradient, Differences(case_.formula, PointsOf(batch_), &Points::x));
}

TEST_P(FunctionalConformanceTest, DensityDerivativeIsThatOfTheFormulaInDouble) {
  const TermValue value = Evaluate(batch_, /*with_gradient=*/true);
  EXPECT_EQ(value.density_gradient.defined(), case_.capabilities.density);
  ExpectGradient(value.density_gradient, Differences(case_.formula, PointsOf(batch_), &Points::log_density));
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

INSTANTIATE_TEST_SUITE_P(Kinds, FunctionalConformanceTest, ::testing::Range<size_t>(0, std::variant_size_v<TermSpec>),
                         [](const auto& info) { return FunctionalCases()[info.param].name; });

// An interaction over random pairs is the same mean over the pairs of its draw: the samples shuffled into a circle, each meeting those at
// three random distances. With them known, its formula is as plain as that over all pairs.
TEST(RandomPairsConformanceTest, ValueAndGradientAreThoseOfTheFormulaOverThePairsDrawn) {
  constexpr int64_t kCount = kCaseSamples;
  constexpr int kRounds = 3;
  at::Generator random = MakeGenerator(5, Purpose::kSamples);
  const Batch batch{.x = at::randn({kCount, 2}, random, at::TensorOptions(at::kFloat)), .log_density = {}};
  const PowerLawInteraction spec{.attraction = 3, .repulsion = 1.5, .random_pairs = kRounds * kCount};
  const TermValue value = MakeFunctional(spec, {.dimension = 2, .batch_size = kCount, .seed = 3})
                              ->Evaluate(batch, {.random = CaseRandom(), .with_gradient = true});
  at::Generator draw = CaseRandom();
  const at::Tensor order = at::randperm(kCount, draw, at::TensorOptions(at::kLong));
  const at::Tensor apart = at::randperm(kCount - 1, draw, at::TensorOptions(at::kLong)) + 1;
  std::set<std::pair<int64_t, int64_t>> pairs;
  for (int64_t i = 0; i < kCount; ++i) {
    for (int round = 0; round < kRounds; ++round) {
      pairs.emplace(order[i].item<int64_t>(), order[(i + apart[round].item<int64_t>()) % kCount].item<int64_t>());
    }
  }
  const Formula formula = [&](const Points& points) {
    const auto kernel = [](const double* z) { return std::pow(Norm(z, 2), 3) / 3 - std::pow(Norm(z, 2), 1.5) / 1.5; };
    return HalfMeanOverPairs(points, kernel, [&](int64_t i, int64_t j) { return pairs.contains({i, j}); });
  };
  const double exact = formula(PointsOf(batch));
  EXPECT_NEAR(value.value, exact, kValueTolerance * (1 + std::abs(exact)));
  ExpectGradient(value.gradient, Differences(formula, PointsOf(batch), &Points::x));
}

}  // namespace
}  // namespace sliceflow::engine
