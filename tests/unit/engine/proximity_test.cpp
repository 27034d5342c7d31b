// The distances that minimising schemes penalise, against what is known of them.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "server/engine/gaussian_slices.h"
#include "server/engine/random.h"
#include "server/engine/solvers/concentration_proximity.h"
#include "server/engine/solvers/max_sliced_proximity.h"
#include "server/engine/solvers/paired_proximity.h"
#include "server/engine/solvers/sliced_proximity.h"

namespace sliceflow::engine {
namespace {

at::Tensor Points(int64_t count, int64_t dimension, uint64_t seed) {
  at::Generator random = MakeGenerator(seed, Purpose::kSamples);
  return at::randn({count, dimension}, random, at::TensorOptions(at::kFloat));
}

struct Scatter {
  double mean = 0;
  double deviation = 0;
};

// Over `draws` sets of directions.
Scatter ScatterOf(const SwJkoSolver& spec, const at::Tensor& x, const at::Tensor& y, int draws) {
  SlicedProximity proximity(spec, static_cast<int>(x.size(1)), 1);
  std::vector<double> values;
  for (int draw = 0; draw < draws; ++draw) {
    at::Generator random = MakeGenerator(7, Purpose::kInner, static_cast<uint64_t>(draw));
    proximity.Refresh(random);
    values.push_back(proximity.Between(x, y));
  }
  const at::Tensor all = at::tensor(values, at::kDouble);
  return {all.mean().item<double>(), all.std().item<double>()};
}

// W2² along θ between translates by v is ⟨θ, v⟩², largest along v.
TEST(MaxSlicedProximityTest, FindsTheDirectionOfATranslation) {
  const at::Tensor v = at::tensor({0.6f, -1.2f, 0.4f, 0.0f, 2.0f});
  const at::Tensor y = Points(500, 5, 1);
  MaxSlicedProximity proximity(20, 5, 3);
  at::Generator random = MakeGenerator(4, Purpose::kInner);
  proximity.Refresh(random);
  const at::Tensor x = y + v;
  const Penalty penalty = proximity.Penalise(x, {{y, 1}});
  const double expected = v.square().sum().item<double>();
  // Ascent ends within a few degrees, whose cosine squared is what is lost.
  EXPECT_NEAR(penalty.value, expected, 1e-3 * expected);
  EXPECT_NEAR(proximity.Evaluate(x, y).value, expected, 1e-3 * expected);
  // The gradient at xᵢ is 2 ⟨θ, v⟩ θ/n = 2 v/n.
  EXPECT_TRUE(at::allclose(penalty.gradient * 500, (2 * v).expand({500, 5}), 1e-2, 1e-1));
}

TEST(MaxSlicedProximityTest, IsNoLessThanAnyOfItsDirections) {
  const at::Tensor x = Points(300, 3, 1) * at::tensor({1.0f, 2.0f, 0.5f});
  const at::Tensor y = Points(300, 3, 2);
  MaxSlicedProximity most(64, 3, 3);
  SlicedProximity mean(SwJkoSolver{.num_projections = 64}, 3, 3);
  EXPECT_GT(most.Evaluate(x, y).value, mean.Evaluate(x, y).value);
  EXPECT_EQ(most.Evaluate(y, y).value, 0);
}

// SW2² is |v|²/d between translates by v and (s − r)² between N(0, s²I) and N(0, r²I): the approximation is exact for both.
TEST(ConcentrationProximityTest, IsExactForTranslatesAndScalings) {
  const at::Tensor x = Points(2000, 10, 1);
  ConcentrationProximity proximity;
  EXPECT_NEAR(proximity.Evaluate(x + 0.5, x).value, 0.25, 1e-5);
  const at::Tensor mean = x.mean(0);
  const double width = std::sqrt((x - mean).square().sum(1).mean().item<double>() / 10);
  EXPECT_NEAR(proximity.Evaluate(mean + 3 * (x - mean), x).value, std::pow(2 * width, 2), 1e-4);
  EXPECT_EQ(proximity.Evaluate(x, x).value, 0);
}

TEST(ConcentrationProximityTest, GradientStaysFiniteAtAPointMass) {
  ConcentrationProximity proximity;
  const Penalty penalty = proximity.Penalise(at::ones({10, 3}, at::kFloat), {{Points(10, 3, 1), 1}});
  EXPECT_TRUE(at::isfinite(penalty.gradient).all().item<bool>());
}

// What second order penalises: one distance of positive weight, one of negative.
class PenaltyTest : public ::testing::TestWithParam<int> {
 protected:
  std::unique_ptr<Proximity> Make() const {
    const SwJkoSolver spec{.num_projections = 30};
    SwJkoSolver steadied = spec;
    steadied.control_variate = true;
    switch (GetParam()) {
      case 0:
        return std::make_unique<SlicedProximity>(spec, 3, 1);
      case 1:
        return std::make_unique<SlicedProximity>(steadied, 3, 1);
      case 2:
        return std::make_unique<PairedProximity>(/*exact=*/false);
      default:
        return std::make_unique<ConcentrationProximity>();
    }
  }
};

// Differences of values in single precision over a step of 0.01 are good to some 1e-4 of the value over the step.
TEST_P(PenaltyTest, ValueIsTheWeightedSumAndGradientItsDerivative) {
  const at::Tensor x = Points(40, 3, 1), first = Points(40, 3, 2), second = Points(40, 3, 3) * 2;
  const std::unique_ptr<Proximity> proximity = Make();
  at::Generator random = MakeGenerator(4, Purpose::kInner);
  proximity->Refresh(random);
  const std::vector<ProximityTo> from{{first, 1.5}, {second, -0.25}};
  const Penalty penalty = proximity->Penalise(x, from);
  const auto value = [&](const at::Tensor& at) { return 1.5 * proximity->Between(at, first) - 0.25 * proximity->Between(at, second); };
  EXPECT_NEAR(penalty.value, value(x), 1e-4 * (1 + std::abs(penalty.value)));
  const at::Tensor along = Points(40, 3, 5);
  const double step = 0.01;
  const double difference = (value(x + step * along) - value(x - step * along)) / (2 * step);
  const double derivative = (penalty.gradient * along).sum().item<double>();
  EXPECT_NEAR(derivative, difference, 0.02 * std::abs(difference) + 2e-3);
}

constexpr const char* kPenaltyNames[] = {"Sliced", "SlicedWithControlVariate", "Paired", "Concentration"};

INSTANTIATE_TEST_SUITE_P(Proximities, PenaltyTest, ::testing::Range(0, 4),
                         [](const auto& info) { return std::string(kPenaltyNames[info.param]); });

// Along one direction the sliced distance between Gaussian samples is that between their Gaussian fits, up to how uneven samples are, 1/n.
TEST(GaussianSlicesTest, AgreesWithTheSlicedDistanceOfGaussians) {
  const at::Tensor x = Points(4000, 3, 1) * at::tensor({1.0f, 2.0f, 0.5f}) + at::tensor({1.0f, 0.0f, -1.0f});
  const at::Tensor y = Points(4000, 3, 2);
  const Scatter sliced = ScatterOf({.num_projections = 500}, x, y, 4);
  at::Generator random = MakeGenerator(5, Purpose::kInner);
  const at::Tensor directions = DrawDirections(ProjectionSampling::kQuasiMonteCarlo, 4096, 3, random);
  EXPECT_NEAR(GaussianSlices(x, y, directions).item<double>(), sliced.mean, 0.02);
}

// Between Gaussians the control variate takes nearly all of the directions' noise, and the mean stays.
TEST(ControlVariateTest, SteadiesIndependentDirections) {
  const at::Tensor x = Points(2000, 4, 1) * at::tensor({1.0f, 2.0f, 0.5f, 1.0f}) + 1;
  const at::Tensor y = Points(2000, 4, 2);
  SwJkoSolver spec{.num_projections = 50, .projection_sampling = ProjectionSampling::kIndependent};
  const Scatter plain = ScatterOf(spec, x, y, 60);
  spec.control_variate = true;
  const Scatter steadied = ScatterOf(spec, x, y, 60);
  EXPECT_LT(steadied.deviation, 0.1 * plain.deviation);
  EXPECT_NEAR(steadied.mean, plain.mean, 4 * plain.deviation / std::sqrt(60.0));
}

}  // namespace
}  // namespace sliceflow::engine
