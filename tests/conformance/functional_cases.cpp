#include "tests/conformance/functional_cases.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <numbers>

#include "server/engine/directions.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

using std::numbers::pi;

double Square(double v) { return v * v; }

double MeanOf(const Points& points, const std::function<double(const double*)>& v) {
  double sum = 0;
  for (int64_t i = 0; i < points.count; ++i) sum += v(points[i]);
  return sum / static_cast<double>(points.count);
}

Formula PotentialFormula(std::function<double(const double*)> v) {
  return [v](const Points& points) { return MeanOf(points, v); };
}

bool Distinct(int64_t i, int64_t j) { return i != j; }

Formula KernelFormula(std::function<double(double)> w) {
  return [w](const Points& points) {
    return HalfMeanOverPairs(
        points, [&](const double* z) { return w(Norm(z, points.dimension)); }, Distinct);
  };
}

Points PointsOf(const Table& table) {
  return {.count = table.rows, .dimension = table.columns, .x = {table.values.begin(), table.values.end()}, .log_density = {}};
}

double Distance(const double* a, const double* b, int64_t dimension) {
  double square = 0;
  for (int64_t k = 0; k < dimension; ++k) square += Square(a[k] - b[k]);
  return std::sqrt(square);
}

// ½ (mean_{i≠j} k(xᵢ, xⱼ) − 2 mean k(xᵢ, yⱼ) + mean_{i≠j} k(yᵢ, yⱼ)), k a function of the distance.
Formula MmdFormula(const TablePtr& table, std::function<double(double)> k) {
  return [rows = PointsOf(*table), k](const Points& points) {
    double across = 0;
    for (int64_t i = 0; i < points.count; ++i) {
      for (int64_t j = 0; j < rows.count; ++j) across += k(Distance(points[i], rows[j], rows.dimension));
    }
    across /= static_cast<double>(points.count * rows.count);
    const Formula among = KernelFormula(k);
    return among(points) - across + among(rows);
  };
}

// The default length of MMD's kernels.
double MedianDistanceOf(const Table& table) {
  const Points rows = PointsOf(table);
  std::vector<double> distances;
  for (int64_t i = 0; i < rows.count; ++i) {
    for (int64_t j = 0; j < i; ++j) distances.push_back(Distance(rows[i], rows[j], rows.dimension));
  }
  std::sort(distances.begin(), distances.end());
  return distances[(distances.size() - 1) / 2];
}

std::vector<double> SortedProjections(const Points& points, const float* direction) {
  std::vector<double> projections;
  for (int64_t i = 0; i < points.count; ++i) {
    double sum = 0;
    for (int64_t k = 0; k < points.dimension; ++k) sum += points[i][k] * static_cast<double>(direction[k]);
    projections.push_back(sum);
  }
  std::sort(projections.begin(), projections.end());
  return projections;
}

// Between as many samples as rows, over the directions of the case's draw.
Formula SlicedFormula(const TablePtr& table, int64_t directions) {
  return [rows = PointsOf(*table), directions](const Points& points) {
    at::Generator random = CaseRandom();
    const at::Tensor drawn = DrawDirections(ProjectionSampling::kAutomatic, directions, points.dimension, random).contiguous();
    double sum = 0;
    for (int64_t l = 0; l < directions; ++l) {
      const float* direction = drawn.const_data_ptr<float>() + l * points.dimension;
      const std::vector<double> from = SortedProjections(points, direction);
      const std::vector<double> to = SortedProjections(rows, direction);
      for (size_t i = 0; i < from.size(); ++i) sum += Square(from[i] - to[i]);
    }
    return 0.5 * sum / static_cast<double>(directions * points.count);
  };
}

TablePtr RandomTable(int64_t rows, int64_t columns, bool labelled) {
  at::Generator random = MakeGenerator(11, Purpose::kSamples);
  const at::Tensor values = at::randn({rows, columns}, random, at::TensorOptions(at::kFloat));
  if (labelled) values.select(1, columns - 1).copy_(values.select(1, 0).gt(0.2).to(at::kFloat));
  const float* data = values.const_data_ptr<float>();
  return std::make_shared<Table>(Table{.rows = rows, .columns = columns, .values = {data, data + values.numel()}});
}

FunctionalCase Quadratic() {
  return {"Quadratic", QuadraticPotential{.center = {1.7, 0.4}, .precision = {2.5, 0.3, 0.3, 0.5}}, PotentialFormula([](const double* x) {
            const double a = x[0] - 1.7;
            const double b = x[1] - 0.4;
            return 0.5 * (2.5 * a * a + 2 * 0.3 * a * b + 0.5 * b * b);
          })};
}

// N(x; m, Σ) in the plane.
double GaussianDensity(const double* x, const Gaussian& gaussian) {
  const double a = x[0] - gaussian.mean[0];
  const double b = x[1] - gaussian.mean[1];
  const std::vector<double>& s = gaussian.covariance;
  const double determinant = s[0] * s[3] - s[1] * s[2];
  const double square = (s[3] * a * a - 2 * s[1] * a * b + s[0] * b * b) / determinant;
  return std::exp(-0.5 * square) / (2 * pi * std::sqrt(determinant));
}

FunctionalCase Mixture() {
  const WeightedGaussian left{.weight = 1, .gaussian = {.mean = {-1, 0}, .covariance = {0.5, 0.1, 0.1, 0.4}}};
  const WeightedGaussian right{.weight = 3, .gaussian = {.mean = {1, 1}, .covariance = {0.3, 0, 0, 0.6}}};
  return {"GaussianMixture", GaussianMixturePotential{.mixture = {{left, right}}}, PotentialFormula([left, right](const double* x) {
            return -std::log(0.25 * GaussianDensity(x, left.gaussian) + 0.75 * GaussianDensity(x, right.gaussian));
          })};
}

FunctionalCase RingCase() {
  return {"Ring", RingPotential{.center = {0.2, -0.1}, .radius = 1.2, .stiffness = 5},
          PotentialFormula([](const double* x) { return 0.5 * 5 * Square(std::hypot(x[0] - 0.2, x[1] + 0.1) - 1.2); })};
}

// Unshuffled, so that the first 40 of 50 rows are the training rows: features in units of their mean and deviation, after a constant.
std::vector<double> SignedFeatures(const Table& table, int64_t training) {
  const int64_t features = table.columns - 1;
  std::vector<double> rows;
  for (int64_t i = 0; i < training; ++i) {
    const float* row = table.values.data() + i * table.columns;
    const double label = row[features] > 0 ? 1 : -1;
    rows.push_back(label);
    for (int64_t k = 0; k < features; ++k) {
      double mean = 0;
      double square = 0;
      for (int64_t j = 0; j < training; ++j) mean += static_cast<double>(table.values[j * table.columns + k]) / training;
      for (int64_t j = 0; j < training; ++j) square += Square(table.values[j * table.columns + k] - mean) / training;
      rows.push_back(label * (row[k] - mean) / std::sqrt(square));
    }
  }
  return rows;
}

FunctionalCase Regression() {
  const TablePtr table = RandomTable(50, 3, true);
  constexpr int64_t kWeights = 3;
  const auto potential = [rows = SignedFeatures(*table, 40)](const double* x) {
    const double s = x[kWeights];
    const double square = Square(Norm(x, kWeights));
    double v = 0.5 * std::exp(s) * square - 0.5 * kWeights * s + 0.5 * kWeights * std::log(2 * pi);  // −log N(w; 0, I/α)
    v += 0.01 * std::exp(s) - std::log(0.01) - s;                                                    // −log Gamma(α; 1, 0.01) − log α
    for (size_t i = 0; i < rows.size(); i += kWeights) {
      double margin = 0;
      for (int64_t k = 0; k < kWeights; ++k) margin += x[k] * rows[i + k];
      v += std::log(1 + std::exp(-margin));
    }
    return v;
  };
  return {"BayesianLogisticRegression", BayesianLogisticRegressionPotential{.table = table, .shuffle = false}, PotentialFormula(potential),
          4};
}

FunctionalCase DoubleWell() {
  return {"DoubleWell", DoubleWellPotential{.center = {0.3, -0.2, 0.1}, .distance = 1.2, .depth = 0.7, .stiffness = 2},
          PotentialFormula([](const double* x) {
            return 0.7 * Square(Square((x[0] - 0.3) / 1.2) - 1) + 0.5 * 2 * (Square(x[1] + 0.2) + Square(x[2] - 0.1));
          }),
          3};
}

FunctionalCase Rosenbrock() {
  return {"Rosenbrock", RosenbrockPotential{.a = 0.8, .b = 5, .scale = 0.3}, PotentialFormula([](const double* x) {
            double sum = 0;
            for (int k = 0; k < 2; ++k) sum += Square(0.8 - x[k]) + 5 * Square(x[k + 1] - Square(x[k]));
            return 0.3 * sum;
          }),
          3};
}

FunctionalCase ExpressionCase() {
  return {"Expression", ExpressionPotential{"def V(x):\n    return torch.logsumexp(2 * x, 1) + 0.1 * (x ** 4).sum(1)\n"},
          PotentialFormula([](const double* x) {
            return std::log(std::exp(2 * x[0]) + std::exp(2 * x[1])) + 0.1 * (std::pow(x[0], 4) + std::pow(x[1], 4));
          })};
}

FunctionalCase PowerLaw() {
  return {"PowerLaw", PowerLawInteraction{.attraction = 3, .repulsion = 1.5},
          KernelFormula([](double r) { return std::pow(r, 3) / 3 - std::pow(r, 1.5) / 1.5; })};
}

FunctionalCase GaussianKernelCase() {
  return {"GaussianKernel", GaussianInteraction{.bandwidth = 0.8},
          KernelFormula([](double r) { return std::exp(-0.5 * Square(r / 0.8)); })};
}

FunctionalCase Morse() {
  return {"Morse", MorseInteraction{.attraction = 1.5, .attraction_length = 1.2, .repulsion = 2, .repulsion_length = 0.6},
          KernelFormula([](double r) { return 2 * std::exp(-r / 0.6) - 1.5 * std::exp(-r / 1.2); })};
}

FunctionalCase KellerSegel() {
  return {"KellerSegel", KellerSegelInteraction{.chi = 3, .softening = 0.1},
          KernelFormula([](double r) { return 3 / (4 * pi) * std::log(r * r + 0.01); })};
}

// Not even, and not finite where a sample meets itself.
FunctionalCase KernelCase() {
  return {"ExpressionKernel",
          ExpressionInteraction{"def W(z):\n    s = (z * z).sum(1)\n    return s * s / 4 - torch.log(s) + 0.5 * z[:, 0]\n"},
          [](const Points& points) {
            return HalfMeanOverPairs(
                points,
                [](const double* z) {
                  const double s = z[0] * z[0] + z[1] * z[1];
                  return s * s / 4 - std::log(s) + 0.5 * z[0];
                },
                Distinct);
          }};
}

double MeanLogDensity(const Points& points) {
  double sum = 0;
  for (const double value : points.log_density) sum += value;
  return sum / static_cast<double>(points.count);
}

FunctionalCase EntropyCase() { return {"Entropy", EntropyTerm{}, MeanLogDensity, 2, {.sample_gradient = false, .density = true}}; }

FunctionalCase Sliced() {
  const TablePtr table = RandomTable(kCaseSamples, 2, false);
  return {"SlicedWasserstein",
          SlicedWassersteinTerm{.table = table, .num_projections = 64},
          SlicedFormula(table, 64),
          2,
          {.per_sample = false}};
}

FunctionalCase PorousMedium() {
  const Formula formula = [](const Points& points) {
    double sum = 0;
    for (const double value : points.log_density) sum += std::pow(std::exp(value), 1.5);
    return sum / 1.5 / static_cast<double>(points.count);
  };
  return {"PorousMedium", PorousMediumTerm{.exponent = 2.5}, formula, 2, {.sample_gradient = false, .density = true}};
}

FunctionalCase GaussianMmd() {
  const TablePtr table = RandomTable(30, 2, false);
  const double bandwidth = MedianDistanceOf(*table);
  return {"GaussianMmd", GaussianMmdTerm{.table = table},
          MmdFormula(table, [bandwidth](double r) { return std::exp(-0.5 * Square(r / bandwidth)); })};
}

FunctionalCase EnergyDistance() {
  const TablePtr table = RandomTable(30, 2, false);
  return {"EnergyDistance", EnergyDistanceTerm{.table = table}, MmdFormula(table, [](double r) { return -r; })};
}

FunctionalCase InverseMultiquadric() {
  const TablePtr table = RandomTable(30, 2, false);
  return {"InverseMultiquadricMmd", InverseMultiquadricMmdTerm{.table = table, .scale = 0.7},
          MmdFormula(table, [](double r) { return 1 / std::sqrt(1 + Square(r / 0.7)); })};
}

FunctionalCase RelativeEntropy() {
  const Formula formula = [](const Points& points) {
    const double potential = MeanOf(points, [](const double* x) {
      const double a = x[0] - 1;
      return 0.5 * (2 * a * a + 2 * 0.3 * a * x[1] + x[1] * x[1]);
    });
    return potential + MeanLogDensity(points) + 0.5 * (2 * std::log(2 * pi) - std::log(2 * 1 - 0.3 * 0.3));
  };
  return {"RelativeEntropy",
          RelativeEntropyTerm{.potential = QuadraticPotential{.center = {1, 0}, .precision = {2, 0.3, 0.3, 1}}},
          formula,
          2,
          {.density = true}};
}

constexpr FunctionalCase (*kCases[])() = {Quadratic,      Mixture,  RingCase,           Regression,  DoubleWell,     Rosenbrock,
                                          ExpressionCase, PowerLaw, GaussianKernelCase, Morse,       KellerSegel,    KernelCase,
                                          EntropyCase,    Sliced,   PorousMedium,       GaussianMmd, EnergyDistance, InverseMultiquadric,
                                          RelativeEntropy};
static_assert(std::size(kCases) == std::variant_size_v<TermSpec>, "every kind of functional has its conformance case");

}  // namespace

std::vector<FunctionalCase> FunctionalCases() {
  std::vector<FunctionalCase> cases;
  for (const auto make : kCases) cases.push_back(make());
  return cases;
}

at::Generator CaseRandom() { return MakeGenerator(9, Purpose::kInner); }

double HalfMeanOverPairs(const Points& points, const std::function<double(const double*)>& w,
                         const std::function<bool(int64_t, int64_t)>& counts) {
  double sum = 0;
  int64_t pairs = 0;
  std::vector<double> z(static_cast<size_t>(points.dimension));
  for (int64_t i = 0; i < points.count; ++i) {
    for (int64_t j = 0; j < points.count; ++j) {
      if (!counts(i, j)) continue;
      for (int64_t k = 0; k < points.dimension; ++k) z[static_cast<size_t>(k)] = points[i][k] - points[j][k];
      sum += w(z.data());
      ++pairs;
    }
  }
  return 0.5 * sum / static_cast<double>(pairs);
}

double Norm(const double* z, int64_t dimension) {
  double square = 0;
  for (int64_t k = 0; k < dimension; ++k) square += Square(z[k]);
  return std::sqrt(square);
}

}  // namespace sliceflow::engine
