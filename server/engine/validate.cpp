#include "server/engine/validate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "server/engine/expressions/expression.h"
#include "server/engine/flow.h"
#include "server/engine/functionals/logistic_regression_rows.h"
#include "server/engine/spec_checker.h"
#include "server/engine/validate_model.h"

namespace sliceflow::engine {
namespace {

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
  SpecChecker& check;

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
  SpecChecker& check;
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

struct OptimizerChecker {
  SpecChecker& check;
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
  SpecChecker& check;
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
    check.Require(HasDensity(spec.initial), "solver.jko_icnn", "maps an initial distribution that has a density, which this one has not");
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
  SpecChecker& check;
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

// Of flows with noise of their own, steps of another size tell the noise apart and not the steps.
void CheckStepHalving(SpecChecker& check, const FlowSpec& spec) {
  if (!spec.step_halving) return;
  const bool entropy = std::any_of(spec.terms.begin(), spec.terms.end(), [](const WeightedTerm& term) { return HasEntropy(term.term); });
  check.Require(!std::holds_alternative<MalaSolver>(spec.solver), "step_halving", "has no meaning for mala, which adapts its steps");
  check.Require(!entropy || !TurnsEntropyIntoNoise(spec.solver), "step_halving", "needs a scheme without noise");
  check.Require(spec.num_steps <= std::numeric_limits<int>::max() / 4, "num_steps", "is too large for step_halving");
}

void CheckOrigin(SpecChecker& check, const FlowSpec& spec) {
  if (!spec.origin.has_value()) return;
  check.Require(spec.origin->step >= 0 && spec.origin->step < spec.num_steps, "origin.step",
                absl::StrCat("is ", spec.origin->step, "; must be at least 0 and below num_steps"));
  check.AtLeast(spec.origin->sliced_time, 0, "origin.sliced_time");
}

}  // namespace

absl::Status Validate(const FlowSpec& spec) {
  SpecChecker check(spec.dimension);
  check.AtLeast(spec.dimension, 1, "dimension");
  if (!check.status().ok()) return check.status();
  CheckLatentSpace(check, spec);
  if (!check.status().ok()) return check.status();
  SpecChecker start(std::holds_alternative<Empirical>(spec.initial) ? spec.dimension : StateDimension(spec));
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
  CheckModel(check, spec.model, spec.initial);
  check.Above(spec.sliced_step_size, 0, "sliced_step_size");
  check.AtLeast(spec.num_steps, 1, "num_steps");
  CheckStepHalving(check, spec);
  CheckOrigin(check, spec);
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    std::visit(MetricChecker{check, spec, absl::StrCat("metrics[", i, "]")}, spec.metrics[i]);
  }
  return check.status();
}

absl::Status ValidateMixture(const GaussianMixture& mixture, int dimension) {
  SpecChecker check(dimension);
  check.AtLeast(dimension, 1, "dimension");
  check.Mixture(mixture, "mixture");
  return check.status();
}

}  // namespace sliceflow::engine
