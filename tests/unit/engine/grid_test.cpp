// The density on a grid and entropic JKO, against closed forms and quadrature.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "server/engine/flow.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

const auto kIgnoreProgress = [](const InnerProgress&) {};

FlowSpec GridSpec(int dimension, double half_side, int64_t nodes, std::vector<WeightedTerm> terms) {
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(dimension);
  spec.terms = std::move(terms);
  spec.model = GridModel{.lower = testing::Repeat(dimension, -half_side), .upper = testing::Repeat(dimension, half_side), .nodes = nodes};
  const double spacing = 2 * half_side / static_cast<double>(nodes - 1);
  spec.solver = EntropicJkoSolver{.regularization = 2 * spacing * spacing};
  return spec;
}

std::unique_ptr<Flow> Start(const FlowSpec& spec) {
  const StopLatch stop;
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, stop);
  EXPECT_TRUE(flow.ok()) << flow.status();
  return *std::move(flow);
}

StepReport Step(Flow& flow) {
  const StopLatch stop;
  absl::StatusOr<StepResult> result = flow.Step(stop, kIgnoreProgress);
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->termination.has_value()) << result->termination->detail;
  return result->report;
}

// Densities at the nodes of the spec's own grid, by the flow's face, with the nodes and the weights of the trapezoidal rule.
struct Nodes {
  std::vector<std::vector<double>> points;
  std::vector<double> masses;
  std::vector<double> densities;

  double Sum(const std::function<double(const std::vector<double>& x, double density)>& f) const {
    double sum = 0;
    for (size_t i = 0; i < points.size(); ++i) sum += masses[i] * f(points[i], densities[i]);
    return sum;
  }
  // ∫f dρ.
  double Mean(const std::function<double(const std::vector<double>& x)>& f) const {
    return Sum([&](const std::vector<double>& x, double density) { return f(x) * density; });
  }
};

Nodes NodesOf(Flow& flow, const FlowSpec& spec) {
  const auto& grid = std::get<GridModel>(spec.model);
  const auto n = static_cast<size_t>(grid.nodes);
  const auto d = static_cast<size_t>(spec.dimension);
  Nodes nodes;
  std::vector<float> flat;
  for (size_t index = 0; index < (d == 1 ? n : n * n); ++index) {
    std::vector<double> x;
    double weight = 1;
    for (size_t axis = 0; axis < d; ++axis) {
      const size_t place = d == 2 && axis == 0 ? index / n : index % n;
      const double spacing = (grid.upper[axis] - grid.lower[axis]) / static_cast<double>(n - 1);
      x.push_back(grid.lower[axis] + spacing * static_cast<double>(place));
      weight *= place == 0 || place == n - 1 ? spacing / 2 : spacing;
      flat.push_back(static_cast<float>(x.back()));
    }
    nodes.points.push_back(x);
    nodes.masses.push_back(weight);
  }
  const std::vector<float> log_densities = *flow.LogDensity(flat);
  for (const float log_density : log_densities) nodes.densities.push_back(std::exp(static_cast<double>(log_density)));
  return nodes;
}

double First(const std::vector<double>& x) { return x[0]; }

double VarianceAlong(const Nodes& nodes, size_t axis) {
  const double mean = nodes.Mean([&](const auto& x) { return x[axis]; });
  return nodes.Mean([&](const auto& x) { return (x[axis] - mean) * (x[axis] - mean); });
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

// Of N(0, 1) on [−6, 6]: what the trapezoidal rule gives for a Gaussian is exact to float's rounding of the log-densities.
TEST(GridTest, EnergiesAtTheStartAreExact) {
  FlowSpec spec = GridSpec(1, 6, 121,
                           {{1, EntropyTerm{}},
                            {2, QuadraticPotential{.center = {1}, .precision = {3}}},
                            {1, PorousMediumTerm{.exponent = 2}},
                            {3, GaussianInteraction{.bandwidth = 1}}});
  const std::unique_ptr<Flow> flow = Start(spec);
  const std::vector<double>& energies = flow->report().term_energies;
  EXPECT_NEAR(energies[0], -0.5 * std::log(2 * M_PI * M_E), 1e-5);
  EXPECT_NEAR(energies[1], 2 * 1.5 * (1 + 1), 1e-5);
  EXPECT_NEAR(energies[2], 1 / std::sqrt(4 * M_PI), 1e-5);
  // ½ E exp(−z²/2) for z of variance 2; W at distance 0 is its mean over a cell, 1 − h²/24, for a share of .03 of the pairs.
  EXPECT_NEAR(energies[3], 3 * 0.5 / std::sqrt(3), 1e-4);
  EXPECT_EQ(flow->report().energy_standard_error, 0);
}

// Of N(0, I) in the plane; |x − y| of two samples has E|z|²/2 = 2 and E|z|⁴/4 = 8.
TEST(GridTest, EnergiesInThePlaneAreExact) {
  FlowSpec spec = GridSpec(2, 6, 61, {{1, EntropyTerm{}}, {1, PowerLawInteraction{}}, {1, PorousMediumTerm{.exponent = 3}}});
  const std::unique_ptr<Flow> flow = Start(spec);
  const std::vector<double>& energies = flow->report().term_energies;
  EXPECT_NEAR(energies[0], -std::log(2 * M_PI * M_E), 1e-5);
  EXPECT_NEAR(energies[1], 0.5 * (8 - 2), 1e-3);  // W at distance 0 is its mean over a cell, −h²/12, for a share of 1e-3 of the pairs
  EXPECT_NEAR(energies[2], 0.5 / (12 * M_PI * M_PI), 1e-6);
}

// Samples carry the density that they are drawn from: their moments are the density's, which a linear interpolation of N(1, ¼) widens by h²/6.
TEST(GridTest, SamplesFollowTheDensity) {
  FlowSpec spec = GridSpec(2, 4, 41, {{1, EntropyTerm{}}});
  spec.initial = Gaussian{.mean = {1, -0.5}, .covariance = {0.25, 0.1, 0.1, 0.5}};
  const SampleBatch samples = *Start(spec)->Samples(20'000, 5);
  double mean[2] = {0, 0};
  double second[3] = {0, 0, 0};
  for (size_t i = 0; i < samples.values.size(); i += 2) {
    const double x = samples.values[i] - 1.0;
    const double y = samples.values[i + 1] + 0.5;
    mean[0] += x / 20'000;
    mean[1] += y / 20'000;
    second[0] += x * x / 20'000;
    second[1] += x * y / 20'000;
    second[2] += y * y / 20'000;
  }
  // Four standard errors of 20,000 samples: 4 σ/√n for means, 4 √2 σ²/√n for variances.
  const double wider = 0.2 * 0.2 / 6;
  EXPECT_NEAR(mean[0], 0, 0.015);
  EXPECT_NEAR(mean[1], 0, 0.02);
  EXPECT_NEAR(second[0], 0.25 + wider, 0.01);
  EXPECT_NEAR(second[1], 0.1, 0.01);
  EXPECT_NEAR(second[2], 0.5 + wider, 0.02);
}

// In one dimension SW2 is W2: SW-JKO trains the grid's values to the Gaussian that the classic step has for its minimum.
TEST(GridTest, SlicedSchemeFollowsOrnsteinUhlenbeckOnTheLine) {
  FlowSpec spec = GridSpec(1, 5, 80, {{1, QuadraticPotential{.center = {1}, .precision = {2}}}, {1, EntropyTerm{}}});
  spec.solver = SwJkoSolver{.inner = {.iterations = 200, .batch_size = 512, .optimizer = AdamOptions{.learning_rate = 0.03}}};
  const std::unique_ptr<Flow> flow = Start(spec);
  GaussianStep exact;
  for (int step = 1; step <= 3; ++step) {
    const StepReport report = Step(*flow);
    exact.Advance(2, 1, 0.1);
    EXPECT_TRUE(report.energy_inequality->holds) << report.energy_inequality->slack;
    const Nodes nodes = NodesOf(*flow, spec);
    // Adam's noise at batches of 512 leaves some percent of a deviation.
    EXPECT_NEAR(nodes.Mean(First), exact.mean, 0.03) << step;
    EXPECT_NEAR(VarianceAlong(nodes, 0), exact.deviation * exact.deviation, 0.05) << step;
  }
}

// Each step is the classic scheme's own, to what is left of the blur, (γ/4σ²)² ≈ 1e-5 of a variance each, and the tolerance; uncorrected it
// would add γ/2 = .01. Against e^{−tA} and the heat kernel themselves the scheme is off by τ times a little: the second tolerance.
TEST(EntropicJkoTest, HeatOnTheLine) {
  FlowSpec spec = GridSpec(1, 7, 141, {{1, EntropyTerm{}}});
  const std::unique_ptr<Flow> flow = Start(spec);
  GaussianStep exact;
  for (int step = 1; step <= 3; ++step) {
    const StepReport report = Step(*flow);
    const double last = exact.deviation;
    exact.Advance(0, 0, 0.1);
    const double variance = exact.deviation * exact.deviation;
    EXPECT_TRUE(report.converged);
    EXPECT_TRUE(report.energy_inequality->holds) << report.energy_inequality->slack;
    EXPECT_NEAR(report.energy, -0.5 * std::log(2 * M_PI * M_E * variance), 1e-4);
    EXPECT_NEAR(report.distance_squared, std::pow(exact.deviation - last, 2), 1e-4);
    const Nodes nodes = NodesOf(*flow, spec);
    EXPECT_NEAR(nodes.Sum([](const auto&, double density) { return density; }), 1, 1e-5);
    EXPECT_NEAR(nodes.Mean(First), 0, 1e-5);
    EXPECT_NEAR(VarianceAlong(nodes, 0), variance, 1e-4 * step);
    EXPECT_NEAR(VarianceAlong(nodes, 0), 1 + 2 * report.wasserstein_time, 0.03);
  }
}

TEST(EntropicJkoTest, OrnsteinUhlenbeckOnTheLine) {
  FlowSpec spec = GridSpec(1, 5, 101, {{1, RelativeEntropyTerm{QuadraticPotential{.center = {1}, .precision = {2}}}}});
  spec.num_steps = 25;
  const std::unique_ptr<Flow> flow = Start(spec);
  GaussianStep exact;
  double energy = flow->report().energy;
  for (int step = 1; step <= 25; ++step) {
    const StepReport report = Step(*flow);
    exact.Advance(2, 1, 0.1);
    EXPECT_TRUE(report.converged) << step;
    EXPECT_LT(report.energy, energy + 1e-6);
    energy = report.energy;
    if (step > 3) continue;
    const Nodes nodes = NodesOf(*flow, spec);
    EXPECT_NEAR(nodes.Mean(First), exact.mean, 1e-5);
    EXPECT_NEAR(VarianceAlong(nodes, 0), exact.deviation * exact.deviation, 2e-4);
  }
  // Stationary: the divergence to the target, N(1, ½), is what is left of the mean, q²ⁿ = 1e-4, and of the blur.
  EXPECT_NEAR(energy, 0, 2e-4);
  EXPECT_GE(energy, -1e-5);
}

// With a precision whose axes are not the grid's; the step of Gaussians in its eigenbasis, where ρ₀ = N(0, I) is diagonal too.
TEST(EntropicJkoTest, OrnsteinUhlenbeckInThePlane) {
  FlowSpec spec = GridSpec(2, 5, 51, {{1, QuadraticPotential{.center = {1, -0.5}, .precision = {2, 1, 1, 2}}}, {1, EntropyTerm{}}});
  const std::unique_ptr<Flow> flow = Start(spec);
  GaussianStep along;   // (1, 1)/√2, eigenvalue 3
  GaussianStep across;  // (1, −1)/√2, eigenvalue 1
  for (int step = 1; step <= 3; ++step) {
    const StepReport report = Step(*flow);
    EXPECT_TRUE(report.converged && report.energy_inequality->holds);
    along.Advance(3, 0.5 / std::sqrt(2), 0.1);
    across.Advance(1, 1.5 / std::sqrt(2), 0.1);
    const Nodes nodes = NodesOf(*flow, spec);
    const auto moments = [&](double sign, const GaussianStep& exact) {
      const auto coordinate = [sign](const auto& x) { return (x[0] + sign * x[1]) / std::sqrt(2); };
      const double mean = nodes.Mean(coordinate);
      EXPECT_NEAR(mean, exact.mean, 1e-4);
      // γ = .08: (γ/4σ²)² is up to 2e-3 where σ² has fallen to .45.
      EXPECT_NEAR(nodes.Mean([&](const auto& x) { return std::pow(coordinate(x) - mean, 2); }), exact.deviation * exact.deviation, 3e-3);
    };
    moments(1, along);
    moments(-1, across);
    for (const double density : nodes.densities) EXPECT_GE(density, 0);
  }
}

// Without an entropy the map of a quadratic potential is known for any step, and so is that of a Gaussian's image.
TEST(EntropicJkoTest, PotentialAloneContracts) {
  FlowSpec spec = GridSpec(1, 4, 161, {{1, QuadraticPotential{.center = {0.5}, .precision = {2}}}});
  const std::unique_ptr<Flow> flow = Start(spec);
  double variance = 1;
  double mean = 0;
  for (int step = 1; step <= 3; ++step) {
    EXPECT_TRUE(Step(*flow).converged);
    mean = (mean + 0.1) / 1.2;
    variance /= 1.44;
    const Nodes nodes = NodesOf(*flow, spec);
    EXPECT_NEAR(nodes.Mean(First), mean, 2e-4);
    EXPECT_NEAR(VarianceAlong(nodes, 0), variance, 1e-3);  // the box cuts N(0, 1) at 4 deviations, which takes .0011 off its variance
  }
}

// The Barenblatt profile of m = 2 on the line: ρ(x, t) = t^{−1/3} (C − x² t^{−2/3}/12)₊, with C from unit mass. From t = 1 to 1.5.
TEST(EntropicJkoTest, PorousMediumKeepsTheBarenblattProfile) {
  const double c = std::pow(0.75 / std::sqrt(12), 2.0 / 3);
  const auto profile = [c](double x, double t) { return std::pow(t, -1.0 / 3) * std::max(0.0, c - x * x * std::pow(t, -2.0 / 3) / 12); };
  FlowSpec spec = GridSpec(1, 4, 161, {{1, PorousMediumTerm{.exponent = 2}}});
  // A mixture of narrow Gaussians stands for the profile at t = 1, which blurs its edge by a tenth.
  GaussianMixture start;
  for (int i = 0; i < 50; ++i) {
    const double x = -2.45 + 0.1 * i;
    if (profile(x, 1) > 0) start.components.push_back({profile(x, 1), {.mean = {x}, .covariance = {0.01}}});
  }
  spec.initial = start;
  spec.sliced_step_size = 0.05;
  spec.num_steps = 10;
  const std::unique_ptr<Flow> flow = Start(spec);
  for (int step = 1; step <= 10; ++step) {
    const StepReport report = Step(*flow);
    EXPECT_TRUE(report.converged && report.energy_inequality->holds) << step;
  }
  const Nodes nodes = NodesOf(*flow, spec);
  EXPECT_NEAR(nodes.Sum([](const auto&, double density) { return density; }), 1, 1e-5);
  // In L¹: the start is off by .005, the scheme by .2 τ.
  EXPECT_NEAR(nodes.Sum([&](const auto& x, double density) { return std::abs(density - profile(x[0], 1.5)); }), 0, 0.02);
}

// For W(z) = |z|⁴/4 − |z|²/2, whose minimum −¼ is at the distance 1, two halves at ±½ about the centre of mass have the least energy.
TEST(EntropicJkoTest, InteractionDrawsApartAndTogether) {
  FlowSpec spec = GridSpec(1, 2, 161, {{1, PowerLawInteraction{}}});
  spec.initial = Gaussian{.mean = {0}, .covariance = {0.04}};
  spec.sliced_step_size = 0.5;
  spec.num_steps = 25;
  const std::unique_ptr<Flow> flow = Start(spec);
  for (int step = 1; step <= 25; ++step) Step(*flow);
  const Nodes nodes = NodesOf(*flow, spec);
  EXPECT_NEAR(nodes.Mean(First), 0, 1e-3);
  // Half of the pairs are apart: ½ · ½ W(1).
  EXPECT_NEAR(nodes.Mean([](const auto& x) { return std::abs(x[0]); }), 0.5, 0.01);
  EXPECT_NEAR(flow->report().energy, -1.0 / 16, 1e-3);
}

// V/ε goes up to 4·10⁴ here, far beyond double's exponents: such lines are summed in the log domain.
TEST(EntropicJkoTest, FarPotentialsDoNotUnderflow) {
  FlowSpec spec = GridSpec(1, 6, 200, {{1, QuadraticPotential{.center = {-3}, .precision = {40}}}, {1, EntropyTerm{}}});
  spec.initial = Gaussian{.mean = {3}, .covariance = {1}};
  spec.num_steps = 1;
  const std::unique_ptr<Flow> flow = Start(spec);
  EXPECT_TRUE(Step(*flow).converged);
  GaussianStep exact{.mean = 3};
  exact.Advance(40, -3, 0.1);
  const Nodes nodes = NodesOf(*flow, spec);
  EXPECT_NEAR(nodes.Mean(First), exact.mean, 5e-3);
  EXPECT_NEAR(std::sqrt(VarianceAlong(nodes, 0)), exact.deviation, 5e-3);
}

TEST(EntropicJkoTest, TooFewIterationsAreReported) {
  FlowSpec spec = GridSpec(1, 6, 101, {{1, EntropyTerm{}}});
  std::get<EntropicJkoSolver>(spec.solver).inner_iterations = 3;
  const std::unique_ptr<Flow> flow = Start(spec);
  const StepReport report = Step(*flow);
  EXPECT_FALSE(report.converged);
  EXPECT_EQ(report.inner_iterations, 3);
  EXPECT_EQ(report.metrics.back().name, "marginal_error");
  EXPECT_GT(report.metrics.back().value, 1e-6);
  EXPECT_NEAR(NodesOf(*flow, spec).Sum([](const auto&, double density) { return density; }), 1, 1e-5);
}

TEST(EntropicJkoTest, RefusesWhatItCannotWorkOn) {
  const StopLatch stop;
  const auto refused = [&](const FlowSpec& spec) { return Flow::Create(spec, stop).status().code() == absl::StatusCode::kInvalidArgument; };
  FlowSpec spec = GridSpec(1, 6, 101, {{1, EntropyTerm{}}});
  spec.model = RealNvpModel{};
  EXPECT_TRUE(refused(spec));
  spec = GridSpec(1, 6, 101, {{1, EntropyTerm{}}});
  spec.initial = Dirac{.point = {0}};
  EXPECT_TRUE(refused(spec));
  spec = GridSpec(3, 6, 8, {{1, EntropyTerm{}}});
  EXPECT_TRUE(refused(spec));
  spec = GridSpec(1, 6, 101, {{1, PorousMediumTerm{}}, {1, PorousMediumTerm{.exponent = 3}}});
  EXPECT_TRUE(refused(spec));
  const auto table = std::make_shared<Table>(Table{.rows = 2, .columns = 1, .values = {0, 1}});
  spec = GridSpec(1, 6, 101, {{1, EnergyDistanceTerm{table}}});
  EXPECT_TRUE(refused(spec));
}

}  // namespace
}  // namespace sliceflow::engine
