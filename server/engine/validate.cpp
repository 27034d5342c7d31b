#include "server/engine/validate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "server/engine/dense.h"
#include "server/engine/expressions/expression.h"
#include "server/engine/expressions/row_map.h"
#include "server/engine/flow.h"
#include "server/engine/functionals/logistic_regression_rows.h"
#include "server/engine/models/generator_network.h"

namespace sliceflow::engine {
namespace {

constexpr double kSymmetryShare = 1e-9;  // of the largest entry

// Remembers the first thing that is wrong.
class Checker {
 public:
  explicit Checker(int dimension) : dimension_(dimension) {}

  const absl::Status& status() const { return status_; }

  void Require(bool holds, const std::string& path, absl::string_view what) {
    if (!holds && status_.ok()) status_ = absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
  }

  void Above(double value, double least, const std::string& path) {
    Require(std::isfinite(value) && value > least, path, absl::StrCat("is ", value, "; must be finite and above ", least));
  }

  void AtLeast(double value, double least, const std::string& path) {
    Require(std::isfinite(value) && value >= least, path, absl::StrCat("is ", value, "; must be finite and at least ", least));
  }

  void Vector(const std::vector<double>& values, const std::string& path) {
    Require(static_cast<int>(values.size()) == dimension_, path,
            absl::StrCat("has ", values.size(), " entries; the dimension is ", dimension_));
    Require(std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }), path, "has entries that are not finite");
  }

  void PositiveDefinite(const std::vector<double>& values, const std::string& path) {
    const auto wanted = static_cast<size_t>(dimension_) * static_cast<size_t>(dimension_);
    Require(values.size() == wanted, path, absl::StrCat("has ", values.size(), " entries; dimension² is ", wanted));
    Require(std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }), path, "has entries that are not finite");
    if (!status_.ok()) return;
    const Eigen::MatrixXd matrix = ToMatrix(values, dimension_);
    const double largest = matrix.cwiseAbs().maxCoeff();
    Require((matrix - matrix.transpose()).cwiseAbs().maxCoeff() <= kSymmetryShare * largest, path, "is not symmetric");
    Require(matrix.llt().info() == Eigen::Success, path, "is not positive definite");
  }

  void Data(const TablePtr& table, int64_t columns, int64_t least_rows, const std::string& path) {
    Require(table != nullptr, path, "is missing");
    if (!status_.ok()) return;
    Require(table->columns == columns, path, absl::StrCat("has ", table->columns, " columns; must have ", columns));
    Require(table->rows >= least_rows, path, absl::StrCat("has ", table->rows, " rows; must have at least ", least_rows));
    Require(static_cast<int64_t>(table->values.size()) == table->rows * table->columns, path, "does not fill its rows and columns");
    Require(std::all_of(table->values.begin(), table->values.end(), [](float v) { return std::isfinite(v); }), path,
            "has values that are not finite");
  }

  void Source(const std::string& source, int64_t rows, const std::string& path) {
    if (!status_.ok()) return;
    const Expression::Result compiled = Expression::Compile(source, dimension_, rows);
    if (const auto* refusal = std::get_if<ExpressionRefusal>(&compiled)) Refuse(*refusal, path);
  }

  void Refuse(const ExpressionRefusal& refusal, const std::string& path) {
    Require(false, path, absl::StrCat("line ", refusal.line, ": ", refusal.reason));
  }

  void Mixture(const GaussianMixture& mixture, const std::string& path) {
    Require(!mixture.components.empty(), path + ".components", "is empty");
    for (size_t i = 0; i < mixture.components.size(); ++i) {
      const std::string component = absl::StrCat(path, ".components[", i, "]");
      Above(mixture.components[i].weight, 0, component + ".weight");
      Vector(mixture.components[i].gaussian.mean, component + ".mean");
      PositiveDefinite(mixture.components[i].gaussian.covariance, component + ".covariance");
    }
  }

  int dimension() const { return dimension_; }

 private:
  int dimension_;
  absl::Status status_;
};

bool TurnsEntropyIntoNoise(const SolverSpec& solver) {
  return std::holds_alternative<EulerMaruyamaSolver>(solver) || std::holds_alternative<MalaSolver>(solver);
}

bool HasEntropy(const TermSpec& term) {
  return std::holds_alternative<EntropyTerm>(term) || std::holds_alternative<RelativeEntropyTerm>(term);
}

// Whether the term is ∫V dρ, ∫ρ log ρ or their sum, so that its minimum is a density known at points.
bool IsPointwise(const TermSpec& term) {
  const auto is_potential = [](const auto& kind) { return std::is_constructible_v<PotentialSpec, decltype(kind)>; };
  return HasEntropy(term) || std::visit(is_potential, term);
}

// Whether the term is known pointwise, or its first variation is, where ρ is known by its values at nodes.
bool IsNodal(const TermSpec& term) {
  const bool kernel = std::holds_alternative<PowerLawInteraction>(term) || std::holds_alternative<GaussianInteraction>(term) ||
                      std::holds_alternative<MorseInteraction>(term) || std::holds_alternative<KellerSegelInteraction>(term);
  return IsPointwise(term) || std::holds_alternative<PorousMediumTerm>(term) || kernel;
}

template <typename Kind>
int64_t CountTerms(const FlowSpec& spec) {
  return std::count_if(spec.terms.begin(), spec.terms.end(),
                       [](const WeightedTerm& term) { return std::holds_alternative<Kind>(term.term); });
}

struct InitialChecker {
  Checker& check;

  void operator()(const Gaussian& spec) const {
    check.Vector(spec.mean, "initial.gaussian.mean");
    check.PositiveDefinite(spec.covariance, "initial.gaussian.covariance");
  }
  void operator()(const GaussianMixture& spec) const { check.Mixture(spec, "initial.mixture"); }
  void operator()(const UniformBox& spec) const {
    check.Vector(spec.lower, "initial.uniform_box.lower");
    check.Vector(spec.upper, "initial.uniform_box.upper");
    if (!check.status().ok()) return;
    for (size_t i = 0; i < spec.lower.size(); ++i)
      check.Above(spec.upper[i], spec.lower[i], absl::StrCat("initial.uniform_box.upper[", i, "]"));
  }
  void operator()(const Dirac& spec) const { check.Vector(spec.point, "initial.dirac.point"); }
  void operator()(const Ring& spec) const {
    check.Vector(spec.center, "initial.ring.center");
    check.Above(spec.radius, 0, "initial.ring.radius");
    check.AtLeast(spec.thickness, 0, "initial.ring.thickness");
  }
  void operator()(const Empirical& spec) const { check.Data(spec.table, check.dimension(), 1, "initial.dataset"); }
};

struct TermChecker {
  Checker& check;
  const FlowSpec& spec;
  double weight;
  std::string path;

  void operator()(const QuadraticPotential& term) const {
    check.Vector(term.center, path + ".potential.quadratic.center");
    check.PositiveDefinite(term.precision, path + ".potential.quadratic.precision");
  }
  void operator()(const GaussianMixturePotential& term) const { check.Mixture(term.mixture, path + ".potential.gaussian_mixture"); }
  void operator()(const RingPotential& term) const {
    check.Vector(term.center, path + ".potential.ring.center");
    check.Above(term.radius, 0, path + ".potential.ring.radius");
    check.Above(term.stiffness, 0, path + ".potential.ring.stiffness");
  }
  void operator()(const BayesianLogisticRegressionPotential& term) const {
    const std::string here = path + ".potential.bayesian_logistic_regression";
    check.Data(term.table, check.dimension() - 1, 2, here + ".dataset");
    check.Above(term.train_fraction, 0, here + ".train_fraction");
    check.Require(term.train_fraction < 1, here + ".train_fraction", "must be below 1");
    check.Require(term.batch_size >= 0, here + ".batch_size", "must be at least 0");
    if (!check.status().ok()) return;
    CheckLabels(*term.table, here + ".dataset");
  }
  void operator()(const DoubleWellPotential& term) const {
    const std::string here = path + ".potential.double_well";
    check.Vector(term.center, here + ".center");
    check.Above(term.distance, 0, here + ".distance");
    check.Above(term.depth, 0, here + ".depth");
    check.Above(term.stiffness, 0, here + ".stiffness");
  }
  void operator()(const RosenbrockPotential& term) const {
    const std::string here = path + ".potential.rosenbrock";
    check.Require(check.dimension() >= 2, here, "needs dimension 2 or more: its valley is curved in the plane of two coordinates");
    check.Require(std::isfinite(term.a), here + ".a", "must be finite");
    check.Above(term.b, 0, here + ".b");
    check.Above(term.scale, 0, here + ".scale");
  }
  void operator()(const PowerLawInteraction& term) const {
    check.Above(term.repulsion, 0, path + ".interaction.power_law.repulsion");
    check.Above(term.attraction, term.repulsion, path + ".interaction.power_law.attraction");
    RandomPairs(term.random_pairs);
  }
  void operator()(const GaussianInteraction& term) const {
    check.Above(term.bandwidth, 0, path + ".interaction.gaussian.bandwidth");
    RandomPairs(term.random_pairs);
  }
  void operator()(const MorseInteraction& term) const {
    const std::string here = path + ".interaction.morse";
    check.AtLeast(term.attraction, 0, here + ".attraction");
    check.Above(term.attraction_length, 0, here + ".attraction_length");
    check.AtLeast(term.repulsion, 0, here + ".repulsion");
    check.Above(term.repulsion_length, 0, here + ".repulsion_length");
    RandomPairs(term.random_pairs);
  }
  void operator()(const KellerSegelInteraction& term) const {
    check.Above(term.chi, 0, path + ".interaction.keller_segel.chi");
    check.AtLeast(term.softening, 0, path + ".interaction.keller_segel.softening");
    RandomPairs(term.random_pairs);
  }
  void operator()(const EntropyTerm& /*term*/) const { OfDensity("entropy"); }
  void operator()(const SlicedWassersteinTerm& term) const {
    check.Data(term.table, check.dimension(), 1, path + ".sliced_wasserstein.dataset");
    check.AtLeast(static_cast<double>(term.num_projections), 1, path + ".sliced_wasserstein.num_projections");
  }
  void operator()(const PorousMediumTerm& term) const {
    OfDensity("porous_medium");
    check.Above(term.exponent, 1, path + ".porous_medium.exponent");
  }
  void operator()(const GaussianMmdTerm& term) const {
    check.Data(term.table, check.dimension(), 2, path + ".mmd.dataset");
    check.AtLeast(term.bandwidth, 0, path + ".mmd.gaussian.bandwidth");
  }
  void operator()(const EnergyDistanceTerm& term) const { check.Data(term.table, check.dimension(), 2, path + ".mmd.dataset"); }
  void operator()(const InverseMultiquadricMmdTerm& term) const {
    check.Data(term.table, check.dimension(), 2, path + ".mmd.dataset");
    check.AtLeast(term.scale, 0, path + ".mmd.inverse_multiquadric.scale");
  }
  void operator()(const RelativeEntropyTerm& term) const {
    OfDensity("relative_entropy");
    std::visit(TermChecker{check, spec, weight, path + ".relative_entropy"}, term.potential);
  }

  void RandomPairs(int64_t count) const {
    check.Require(count >= 0, path + ".interaction.random_pairs", absl::StrCat("is ", count, "; must be at least 0"));
  }

  // Internal energies: they read log-densities, and their negatives have no minimum.
  void OfDensity(const std::string& kind) const {
    check.Require(weight >= 0, path + ".weight", absl::StrCat("must not be negative for ", kind, ": the functional would have no minimum"));
    const bool noise = kind != "porous_medium" && TurnsEntropyIntoNoise(spec.solver);
    check.Require(noise || HasDensity(spec.model), absl::StrCat(path, ".", kind), "needs a model with a density, such as real_nvp");
  }

  void operator()(const ExpressionPotential& term) const {
    check.Source(term.source, kPotentialRows, path + ".potential.expression.source");
  }
  void operator()(const ExpressionInteraction& term) const {
    check.Source(term.source, kKernelRows, path + ".interaction.expression.source");
  }

  void CheckLabels(const Table& table, const std::string& where) const {
    bool zero = false;
    bool minus = false;
    for (int64_t row = 0; row < table.rows; ++row) {
      const float label = table.values[static_cast<size_t>((row + 1) * table.columns - 1)];
      zero = zero || label == 0;
      minus = minus || label == -1;
      check.Require(label == 0 || label == 1 || label == -1, where,
                    absl::StrCat("row ", row + 1, " has the label ", label, "; labels are -1 and 1, or 0 and 1"));
    }
    check.Require(!(zero && minus), where, "has labels 0 and -1; labels are -1 and 1, or 0 and 1");
  }
};

struct ModelChecker {
  Checker& check;
  const InitialSpec& initial;

  void operator()(const RealNvpModel& spec) const {
    check.AtLeast(spec.couplings, 1, "model.real_nvp.couplings");
    check.AtLeast(spec.hidden_width, 1, "model.real_nvp.hidden_width");
  }
  void operator()(const ParticlesModel& spec) const { check.AtLeast(static_cast<double>(spec.count), 1, "model.particles.count"); }
  void operator()(const IcnnModel& spec) const {
    check.AtLeast(spec.hidden_layers, 1, "model.icnn.hidden_layers");
    check.AtLeast(spec.hidden_width, 1, "model.icnn.hidden_width");
  }
  void operator()(const MlpModel& spec) const { Dense(spec, "model.mlp"); }
  void operator()(const DecoderModel& spec) const {
    Dense(spec, "model.decoder");
    check.Above(spec.upper, spec.lower, "model.decoder.upper");
  }
  void operator()(const CnnModel& spec) const {
    check.AtLeast(spec.noise_dimension, 1, "model.cnn.noise_dimension");
    check.AtLeast(spec.base_channels, 1, "model.cnn.base_channels");
    const bool whole = spec.height > 0 && spec.height % 4 == 0 && spec.width > 0 && spec.width % 4 == 0 && spec.channels > 0;
    check.Require(whole && int64_t{spec.height} * spec.width * spec.channels == check.dimension(), "model.cnn",
                  "must have sides that are multiples of 4 and, with the channels, multiply to the dimension");
    check.Above(spec.upper, spec.lower, "model.cnn.upper");
  }
  void operator()(const GeneratorModel& spec) const {
    check.AtLeast(spec.noise_dimension, 1, "model.generator.noise_dimension");
    check.Require(!spec.parameters.empty(), "model.generator.parameters", "are none");
    for (size_t i = 0; i < spec.parameters.size(); ++i) {
      const std::vector<int64_t>& shape = spec.parameters[i].shape;
      const std::string path = absl::StrCat("model.generator.parameters[", i, "]");
      check.Require(!shape.empty() && *std::min_element(shape.begin(), shape.end()) > 0, path + ".shape", "must have sides of at least 1");
      check.AtLeast(spec.parameters[i].initial_scale, 0, path + ".initial_scale");
    }
    if (!check.status().ok()) return;
    const RowMap::Result compiled = RowMap::Compile(spec.source, SignatureOf(spec, check.dimension()));
    if (const auto* refusal = std::get_if<ExpressionRefusal>(&compiled)) check.Refuse(*refusal, "model.generator.source");
  }

  template <typename Spec>
  void Dense(const Spec& spec, const std::string& path) const {
    check.AtLeast(spec.noise_dimension, 1, path + ".noise_dimension");
    check.AtLeast(spec.hidden_layers, 1, path + ".hidden_layers");
    check.AtLeast(spec.hidden_width, 1, path + ".hidden_width");
  }
  void operator()(const GridModel& grid) const {
    check.Require(check.dimension() <= 2, "model.grid", "needs dimension 1 or 2");
    check.Vector(grid.lower, "model.grid.lower");
    check.Vector(grid.upper, "model.grid.upper");
    check.AtLeast(static_cast<double>(grid.nodes), 2, "model.grid.nodes");
    const bool density = std::holds_alternative<Gaussian>(initial) || std::holds_alternative<GaussianMixture>(initial) ||
                         std::holds_alternative<UniformBox>(initial);
    check.Require(density, "model.grid", "needs an initial distribution with a density");
    if (!check.status().ok()) return;
    for (size_t i = 0; i < grid.lower.size(); ++i) check.Above(grid.upper[i], grid.lower[i], absl::StrCat("model.grid.upper[", i, "]"));
  }
};

struct OptimizerChecker {
  Checker& check;
  std::string path;

  void operator()(const AdamOptions& adam) const {
    check.Above(adam.learning_rate, 0, path + ".adam.learning_rate");
    Decay(adam.beta1, ".adam.beta1");
    Decay(adam.beta2, ".adam.beta2");
  }
  void operator()(const SgdOptions& sgd) const {
    check.Above(sgd.learning_rate, 0, path + ".sgd.learning_rate");
    Decay(sgd.momentum, ".sgd.momentum");
  }

  void Decay(double value, const char* name) const { check.Require(value >= 0 && value < 1, path + name, "must be in [0, 1)"); }
};

struct SolverChecker {
  Checker& check;
  const FlowSpec& spec;

  void operator()(const SwJkoSolver& spec) const {
    Inner(spec.inner, "solver.sw_jko");
    Order(spec.order, "solver.sw_jko");
    check.AtLeast(spec.num_projections, 1, "solver.sw_jko.num_projections");
  }
  void operator()(const PairedJkoSolver& spec) const {
    Inner(spec.inner, "solver.paired_jko");
    Order(spec.order, "solver.paired_jko");
  }
  void operator()(const EulerMaruyamaSolver& solver) const {
    check.AtLeast(solver.inner_iterations, 1, "solver.euler_maruyama.inner_iterations");
    check.AtLeast(static_cast<double>(solver.batch_size), 2, "solver.euler_maruyama.batch_size");
    Particles("solver.euler_maruyama");
  }
  void operator()(const MalaSolver& solver) const {
    check.AtLeast(solver.inner_iterations, 1, "solver.mala.inner_iterations");
    Particles("solver.mala");
    const bool entropy = std::any_of(spec.terms.begin(), spec.terms.end(), [](const WeightedTerm& term) { return HasEntropy(term.term); });
    const bool pointwise =
        std::all_of(spec.terms.begin(), spec.terms.end(), [](const WeightedTerm& term) { return IsPointwise(term.term); });
    check.Require(entropy && pointwise, "solver.mala", "needs potentials and an entropy, and nothing else: a density known at points");
  }

  void operator()(const JkoIcnnSolver& solver) const {
    Inner(solver.inner, "solver.jko_icnn");
    check.Require(std::holds_alternative<IcnnModel>(spec.model), "solver.jko_icnn",
                  "adds a convex map each step, and the model is not icnn");
    const bool density = std::holds_alternative<Gaussian>(spec.initial) || std::holds_alternative<GaussianMixture>(spec.initial) ||
                         std::holds_alternative<UniformBox>(spec.initial);
    check.Require(density, "solver.jko_icnn", "maps an initial distribution that has a density, which this one has not");
  }
  void operator()(const EntropicJkoSolver& solver) const {
    check.Above(solver.regularization, 0, "solver.entropic_jko.regularization");
    check.AtLeast(solver.inner_iterations, 1, "solver.entropic_jko.inner_iterations");
    check.Above(solver.tolerance, 0, "solver.entropic_jko.tolerance");
    check.Require(std::holds_alternative<GridModel>(spec.model), "solver.entropic_jko", "works on nodes, and the model is not a grid");
    check.Require(CountTerms<PorousMediumTerm>(spec) <= 1, "solver.entropic_jko", "takes at most one porous-medium term");
    const bool nodal = std::all_of(spec.terms.begin(), spec.terms.end(), [](const WeightedTerm& term) { return IsNodal(term.term); });
    check.Require(nodal, "solver.entropic_jko", "takes potentials, entropies, a porous-medium energy and radial interactions only");
  }

  void Particles(const std::string& path) const {
    check.Require(std::holds_alternative<ParticlesModel>(spec.model), path, "moves particles, and the model is not particles");
  }

  void Order(int order, const std::string& path) const {
    check.Require(order == 1 || order == 2, path + ".order", absl::StrCat("is ", order, "; must be 1 or 2"));
  }
  void Inner(const InnerMinimisation& inner, const std::string& path) const {
    check.AtLeast(inner.iterations, 1, path + ".inner_iterations");
    check.AtLeast(static_cast<double>(inner.batch_size), 2, path + ".batch_size");
    check.AtLeast(inner.max_attempts, 1, path + ".max_attempts");
    check.AtLeast(inner.tolerance, 0, path + ".tolerance");
    std::visit(OptimizerChecker{check, path + ".optimizer"}, inner.optimizer);
  }
};

struct MetricChecker {
  Checker& check;
  const FlowSpec& spec;
  std::string path;

  void operator()(const HeldOutPredictionMetric& /*metric*/) const {
    check.Require(RegressionsOf(spec.terms).size() == 1, path + ".held_out_prediction",
                  "needs exactly one term of Bayesian logistic regression");
  }
  void operator()(const RadiusMetric& /*metric*/) const {}
  void operator()(const ClosedFormMetric& /*metric*/) const {
    const bool positive = std::all_of(spec.terms.begin(), spec.terms.end(), [](const WeightedTerm& term) { return term.weight > 0; });
    const bool fits = spec.terms.size() == 2 && CountTerms<QuadraticPotential>(spec) == 1 && CountTerms<EntropyTerm>(spec) == 1 &&
                      positive && std::holds_alternative<Gaussian>(spec.initial);
    check.Require(fits, path + ".closed_form",
                  "needs a Gaussian initial distribution, one quadratic potential and one entropy, both of positive weight");
  }
  void operator()(const TargetDistanceMetric& metric) const {
    check.Data(metric.table, check.dimension(), 1, path + ".target_distance.dataset");
    check.AtLeast(static_cast<double>(metric.num_projections), 1, path + ".target_distance.num_projections");
  }
  void operator()(const RelativeEntropyToTargetMetric& metric) const {
    check.Mixture(metric.target, path + ".relative_entropy_to_target.target");
    check.Require(HasDensity(spec.model), path + ".relative_entropy_to_target", "needs a model with a density, such as real_nvp");
  }
  void operator()(const ModeCoverageMetric& metric) const { check.Mixture(metric.target, path + ".mode_coverage.target"); }
  void operator()(const MomentsMetric& /*metric*/) const {}
};

// The terms that are of rows, which are encoded, or of the model's density between codes.
bool HoldsBetweenCodes(const TermSpec& term) {
  return std::holds_alternative<SlicedWassersteinTerm>(term) || std::holds_alternative<GaussianMmdTerm>(term) ||
         std::holds_alternative<EnergyDistanceTerm>(term) || std::holds_alternative<InverseMultiquadricMmdTerm>(term) ||
         std::holds_alternative<EntropyTerm>(term);
}

bool IsOfDecodedSamples(const MetricSpec& metric) {
  return std::holds_alternative<TargetDistanceMetric>(metric) || std::holds_alternative<RadiusMetric>(metric) ||
         std::holds_alternative<MomentsMetric>(metric) || std::holds_alternative<ModeCoverageMetric>(metric);
}

void CheckLatentSpace(Checker& check, const FlowSpec& spec) {
  if (!spec.latent.has_value()) return;
  const LatentSpace& latent = *spec.latent;
  check.Data(latent.table, spec.dimension, 2, "model.latent_flow.dataset");
  check.AtLeast(latent.dimension, 1, "model.latent_flow.latent_dimension");
  check.AtLeast(latent.hidden_width, 1, "model.latent_flow.hidden_width");
  check.AtLeast(latent.hidden_layers, 1, "model.latent_flow.hidden_layers");
  check.AtLeast(latent.training_iterations, 1, "model.latent_flow.training_iterations");
  check.AtLeast(static_cast<double>(latent.batch_size), 1, "model.latent_flow.batch_size");
  check.Require(HasDensity(spec.model), "model.latent_flow", "needs a model with a density between codes");
  for (size_t i = 0; i < spec.terms.size(); ++i) {
    check.Require(HoldsBetweenCodes(spec.terms[i].term), absl::StrCat("terms[", i, "]"), "has no meaning between codes");
  }
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    check.Require(IsOfDecodedSamples(spec.metrics[i]), absl::StrCat("metrics[", i, "]"), "has no meaning for decoded samples");
  }
}

// Of flows with noise of their own, steps of another size tell the noise apart and not the steps.
void CheckStepHalving(Checker& check, const FlowSpec& spec) {
  if (!spec.step_halving) return;
  const bool entropy = std::any_of(spec.terms.begin(), spec.terms.end(), [](const WeightedTerm& term) { return HasEntropy(term.term); });
  check.Require(!std::holds_alternative<MalaSolver>(spec.solver), "step_halving", "has no meaning for mala, which adapts its steps");
  check.Require(!entropy || !TurnsEntropyIntoNoise(spec.solver), "step_halving", "needs a scheme without noise");
  check.Require(spec.num_steps <= std::numeric_limits<int>::max() / 4, "num_steps", "is too large for step_halving");
}

}  // namespace

absl::Status Validate(const FlowSpec& spec) {
  Checker check(spec.dimension);
  check.AtLeast(spec.dimension, 1, "dimension");
  if (!check.status().ok()) return check.status();
  CheckLatentSpace(check, spec);
  if (!check.status().ok()) return check.status();
  Checker start(std::holds_alternative<Empirical>(spec.initial) ? spec.dimension : StateDimension(spec));
  std::visit(InitialChecker{start}, spec.initial);
  if (!start.status().ok()) return start.status();
  check.Require(!spec.terms.empty(), "terms", "is empty");
  for (size_t i = 0; i < spec.terms.size(); ++i) {
    const std::string path = absl::StrCat("terms[", i, "]");
    const double weight = spec.terms[i].weight;
    check.Require(std::isfinite(weight) && weight != 0, path + ".weight", absl::StrCat("is ", weight, "; must be finite and not 0"));
    std::visit(TermChecker{check, spec, weight, path}, spec.terms[i].term);
  }
  std::visit(SolverChecker{check, spec}, spec.solver);
  std::visit(ModelChecker{check, spec.initial}, spec.model);
  check.Above(spec.sliced_step_size, 0, "sliced_step_size");
  check.AtLeast(spec.num_steps, 1, "num_steps");
  CheckStepHalving(check, spec);
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    std::visit(MetricChecker{check, spec, absl::StrCat("metrics[", i, "]")}, spec.metrics[i]);
  }
  return check.status();
}

absl::Status ValidateMixture(const GaussianMixture& mixture, int dimension) {
  Checker check(dimension);
  check.AtLeast(dimension, 1, "dimension");
  check.Mixture(mixture, "mixture");
  return check.status();
}

}  // namespace sliceflow::engine
