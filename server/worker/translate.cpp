#include "server/worker/translate.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sliceflow::worker {
namespace {

template <typename Repeated>
std::vector<double> Numbers(const Repeated& numbers) {
  return {numbers.begin(), numbers.end()};
}

// Row-major of `dimension`; the identity where it is left out, as large ones are.
std::vector<double> Entries(const contract::Matrix& matrix, int dimension) {
  if (matrix.values_size() > 0) return Numbers(matrix.values());
  const auto d = static_cast<size_t>(dimension);
  std::vector<double> identity(d * d, 0);
  for (size_t i = 0; i < d; ++i) identity[i * d + i] = 1;
  return identity;
}

absl::Status Unknown(absl::string_view what) { return absl::InvalidArgumentError(absl::StrCat("this worker knows no such ", what)); }

absl::StatusOr<engine::TablePtr> FindTable(const std::string& name, const Tables& tables) {
  const auto found = tables.find(name);
  if (found == tables.end()) return absl::NotFoundError(absl::StrCat(name, " is not with the worker"));
  return found->second;
}

// The mixtures of initial distributions and of potentials have the same fields.
template <typename Mixture>
engine::GaussianMixture TranslateComponents(const Mixture& mixture) {
  engine::GaussianMixture translated;
  for (const auto& component : mixture.components()) {
    translated.components.push_back(
        {component.weight(), {Numbers(component.mean()), Entries(component.covariance(), component.mean_size())}});
  }
  return translated;
}

engine::UniformBox TranslateUniformBox(const contract::UniformBox& box) { return {Numbers(box.lower()), Numbers(box.upper())}; }

engine::Ring TranslateRing(const contract::RingDistribution& ring) { return {Numbers(ring.center()), ring.radius(), ring.thickness()}; }

absl::StatusOr<engine::InitialSpec> TranslateInitial(const contract::Distribution& initial, const Tables& tables) {
  switch (initial.kind_case()) {
    case contract::Distribution::kGaussian:
      return TranslateGaussian(initial.gaussian());
    case contract::Distribution::kMixture:
      return TranslateMixture(initial.mixture());
    case contract::Distribution::kUniformBox:
      return TranslateUniformBox(initial.uniform_box());
    case contract::Distribution::kDirac:
      return engine::Dirac{Numbers(initial.dirac().point())};
    case contract::Distribution::kRing:
      return TranslateRing(initial.ring());
    case contract::Distribution::kDataset: {
      absl::StatusOr<engine::TablePtr> table = FindTable(initial.dataset().dataset(), tables);
      if (!table.ok()) return table.status();
      return engine::Empirical{*std::move(table)};
    }
    default:
      return Unknown("initial distribution");
  }
}

absl::StatusOr<engine::PotentialSpec> TranslateLogisticRegression(const contract::BayesianLogisticRegressionPotential& potential,
                                                                  const Tables& tables) {
  absl::StatusOr<engine::TablePtr> table = FindTable(potential.dataset(), tables);
  if (!table.ok()) return table.status();
  return engine::BayesianLogisticRegressionPotential{*std::move(table), potential.train_fraction(), potential.shuffle(),
                                                     potential.batch_size()};
}

engine::DoubleWellPotential TranslateDoubleWell(const contract::DoubleWellPotential& well) {
  return {Numbers(well.center()), well.distance(), well.depth(), well.stiffness()};
}

absl::StatusOr<engine::PotentialSpec> TranslatePotential(const contract::Potential& potential, const Tables& tables) {
  switch (potential.kind_case()) {
    case contract::Potential::kQuadratic:
      return engine::QuadraticPotential{Numbers(potential.quadratic().center()),
                                        Entries(potential.quadratic().precision(), potential.quadratic().center_size())};
    case contract::Potential::kGaussianMixture:
      return engine::GaussianMixturePotential{TranslateComponents(potential.gaussian_mixture())};
    case contract::Potential::kRing:
      return engine::RingPotential{Numbers(potential.ring().center()), potential.ring().radius(), potential.ring().stiffness()};
    case contract::Potential::kBayesianLogisticRegression:
      return TranslateLogisticRegression(potential.bayesian_logistic_regression(), tables);
    case contract::Potential::kDoubleWell:
      return TranslateDoubleWell(potential.double_well());
    case contract::Potential::kRosenbrock:
      return engine::RosenbrockPotential{potential.rosenbrock().a(), potential.rosenbrock().b(), potential.rosenbrock().scale()};
    case contract::Potential::kExpression:
      return engine::ExpressionPotential{potential.expression().source()};
    default:
      return Unknown("potential");
  }
}

engine::MorseInteraction TranslateMorse(const contract::MorseKernel& kernel, int64_t random_pairs) {
  return {kernel.attraction(), kernel.attraction_length(), kernel.repulsion(), kernel.repulsion_length(), random_pairs};
}

absl::StatusOr<engine::TermSpec> TranslateInteraction(const contract::Interaction& interaction) {
  const int64_t pairs = interaction.random_pairs();
  switch (interaction.kernel_case()) {
    case contract::Interaction::kPowerLaw:
      return engine::PowerLawInteraction{interaction.power_law().attraction(), interaction.power_law().repulsion(), pairs};
    case contract::Interaction::kGaussian:
      return engine::GaussianInteraction{interaction.gaussian().bandwidth(), pairs};
    case contract::Interaction::kMorse:
      return TranslateMorse(interaction.morse(), pairs);
    case contract::Interaction::kKellerSegel:
      return engine::KellerSegelInteraction{interaction.keller_segel().chi(), interaction.keller_segel().softening(), pairs};
    case contract::Interaction::kExpression:
      return engine::ExpressionInteraction{interaction.expression().source()};
    default:
      return Unknown("interaction");
  }
}

absl::StatusOr<engine::TermSpec> TranslateSlicedWasserstein(const contract::SlicedWasserstein& term, const Tables& tables) {
  absl::StatusOr<engine::TablePtr> table = FindTable(term.dataset(), tables);
  if (!table.ok()) return table.status();
  return engine::SlicedWassersteinTerm{*std::move(table), term.num_projections()};
}

absl::StatusOr<engine::TermSpec> TranslateMmd(const contract::Mmd& term, const Tables& tables) {
  absl::StatusOr<engine::TablePtr> table = FindTable(term.dataset(), tables);
  if (!table.ok()) return table.status();
  switch (term.kernel_case()) {
    case contract::Mmd::kGaussian:
      return engine::GaussianMmdTerm{*std::move(table), term.gaussian().bandwidth()};
    case contract::Mmd::kEnergyDistance:
      return engine::EnergyDistanceTerm{*std::move(table)};
    case contract::Mmd::kInverseMultiquadric:
      return engine::InverseMultiquadricMmdTerm{*std::move(table), term.inverse_multiquadric().scale()};
    default:
      return Unknown("kernel of mmd");
  }
}

absl::StatusOr<engine::TermSpec> TranslateTerm(const contract::FunctionalTerm& term, const Tables& tables) {
  switch (term.kind_case()) {
    case contract::FunctionalTerm::kPotential: {
      absl::StatusOr<engine::PotentialSpec> potential = TranslatePotential(term.potential(), tables);
      if (!potential.ok()) return potential.status();
      return std::visit([](auto& kind) -> engine::TermSpec { return std::move(kind); }, *potential);
    }
    case contract::FunctionalTerm::kInteraction:
      return TranslateInteraction(term.interaction());
    case contract::FunctionalTerm::kEntropy:
      return engine::EntropyTerm{};
    case contract::FunctionalTerm::kSlicedWasserstein:
      return TranslateSlicedWasserstein(term.sliced_wasserstein(), tables);
    case contract::FunctionalTerm::kPorousMedium:
      return engine::PorousMediumTerm{term.porous_medium().exponent()};
    case contract::FunctionalTerm::kMmd:
      return TranslateMmd(term.mmd(), tables);
    case contract::FunctionalTerm::kRelativeEntropy: {
      absl::StatusOr<engine::PotentialSpec> potential = TranslatePotential(term.relative_entropy().potential(), tables);
      if (!potential.ok()) return potential.status();
      return engine::RelativeEntropyTerm{*std::move(potential)};
    }
    default:
      return Unknown("functional");
  }
}

absl::StatusOr<std::vector<engine::WeightedTerm>> TranslateTerms(const contract::Functional& functional, const Tables& tables) {
  std::vector<engine::WeightedTerm> terms;
  for (const contract::FunctionalTerm& term : functional.terms()) {
    absl::StatusOr<engine::TermSpec> translated = TranslateTerm(term, tables);
    if (!translated.ok()) return translated.status();
    terms.push_back({term.weight(), *std::move(translated)});
  }
  return terms;
}

engine::OptimizerSpec TranslateOptimizer(const contract::Optimizer& optimizer) {
  if (optimizer.has_sgd()) return engine::SgdOptions{optimizer.sgd().learning_rate(), optimizer.sgd().momentum()};
  return engine::AdamOptions{optimizer.adam().learning_rate(), optimizer.adam().beta1(), optimizer.adam().beta2()};
}

// The fields that all minimising solvers have.
template <typename Scheme>
engine::InnerMinimisation TranslateInner(const Scheme& scheme) {
  const bool constant = scheme.optimizer().rate_schedule() == contract::Optimizer::CONSTANT;
  return {scheme.inner_iterations(),
          scheme.batch_size(),
          TranslateOptimizer(scheme.optimizer()),
          constant ? engine::RateSchedule::kConstant : engine::RateSchedule::kCosine,
          scheme.tolerance(),
          scheme.max_attempts()};
}

engine::ProjectionSampling TranslateSampling(contract::SwJko::ProjectionSampling sampling) {
  switch (sampling) {
    case contract::SwJko::INDEPENDENT:
      return engine::ProjectionSampling::kIndependent;
    case contract::SwJko::ORTHOGONAL:
      return engine::ProjectionSampling::kOrthogonal;
    case contract::SwJko::QUASI_MONTE_CARLO:
      return engine::ProjectionSampling::kQuasiMonteCarlo;
    default:
      return engine::ProjectionSampling::kAutomatic;
  }
}

engine::SlicedVariant TranslateVariant(contract::SwJko::Variant variant) {
  switch (variant) {
    case contract::SwJko::MAX_SLICED:
      return engine::SlicedVariant::kMaxSliced;
    case contract::SwJko::CONCENTRATION:
      return engine::SlicedVariant::kConcentration;
    default:
      return engine::SlicedVariant::kSliced;
  }
}

absl::StatusOr<engine::SolverSpec> TranslateSolver(const contract::Solver& solver) {
  switch (solver.kind_case()) {
    case contract::Solver::kSwJko: {
      const contract::SwJko& scheme = solver.sw_jko();
      return engine::SwJkoSolver{TranslateInner(scheme),   scheme.order(),
                                 scheme.num_projections(), TranslateSampling(scheme.projection_sampling()),
                                 scheme.control_variate(), TranslateVariant(scheme.variant())};
    }
    case contract::Solver::kPairedJko:
      return engine::PairedJkoSolver{TranslateInner(solver.paired_jko()), solver.paired_jko().order()};
    case contract::Solver::kEulerMaruyama:
      return engine::EulerMaruyamaSolver{solver.euler_maruyama().inner_iterations(), solver.euler_maruyama().batch_size()};
    case contract::Solver::kMala:
      return engine::MalaSolver{solver.mala().inner_iterations()};
    case contract::Solver::kJkoIcnn:
      return engine::JkoIcnnSolver{TranslateInner(solver.jko_icnn())};
    case contract::Solver::kEntropicJko:
      return engine::EntropicJkoSolver{solver.entropic_jko().regularization(), solver.entropic_jko().inner_iterations(),
                                       solver.entropic_jko().tolerance()};
    default:
      return Unknown("solver");
  }
}

engine::CnnModel TranslateCnn(const contract::Cnn& cnn) {
  return {cnn.height(), cnn.width(), cnn.channels(), cnn.noise_dimension(), cnn.base_channels(), cnn.lower(), cnn.upper()};
}

engine::DecoderModel TranslateDecoder(const contract::Decoder& decoder) {
  return {decoder.noise_dimension(), decoder.hidden_layers(), decoder.hidden_width(), decoder.lower(), decoder.upper()};
}

engine::RealNvpModel TranslateRealNvp(const contract::RealNvp& model) {
  return {model.couplings(), model.hidden_width(), model.learned_linear()};
}

absl::StatusOr<engine::ModelSpec> TranslateModel(const contract::Model& model) {
  switch (model.kind_case()) {
    case contract::Model::kRealNvp:
      return TranslateRealNvp(model.real_nvp());
    case contract::Model::kParticles:
      return engine::ParticlesModel{model.particles().count()};
    case contract::Model::kIcnn:
      return engine::IcnnModel{model.icnn().hidden_layers(), model.icnn().hidden_width()};
    case contract::Model::kMlp:
      return engine::MlpModel{model.mlp().noise_dimension(), model.mlp().hidden_layers(), model.mlp().hidden_width()};
    case contract::Model::kCnn:
      return TranslateCnn(model.cnn());
    case contract::Model::kDecoder:
      return TranslateDecoder(model.decoder());
    case contract::Model::kGenerator:
      return TranslateGenerator(model.generator().source(), model.generator().noise_dimension(), model.generator().parameters());
    case contract::Model::kGrid:
      return engine::GridModel{Numbers(model.grid().lower()), Numbers(model.grid().upper()), model.grid().nodes()};
    case contract::Model::kLatentFlow:
      return TranslateRealNvp(model.latent_flow().real_nvp());
    default:
      return Unknown("model");
  }
}

absl::StatusOr<std::optional<engine::LatentSpace>> TranslateLatentSpace(const contract::Model& model, const Tables& tables) {
  if (!model.has_latent_flow()) return std::nullopt;
  const contract::LatentFlow& latent = model.latent_flow();
  absl::StatusOr<engine::TablePtr> table = FindTable(latent.dataset(), tables);
  if (!table.ok()) return table.status();
  return engine::LatentSpace{*std::move(table),      latent.latent_dimension(),    latent.hidden_width(),
                             latent.hidden_layers(), latent.training_iterations(), latent.batch_size()};
}

absl::StatusOr<engine::MetricSpec> TranslateTargetDistance(const contract::TargetDistanceMetric& metric, const Tables& tables) {
  absl::StatusOr<engine::TablePtr> table = FindTable(metric.dataset(), tables);
  if (!table.ok()) return table.status();
  return engine::TargetDistanceMetric{*std::move(table), metric.num_projections()};
}

absl::StatusOr<engine::MetricSpec> TranslateMetric(const contract::Metric& metric, const Tables& tables) {
  switch (metric.kind_case()) {
    case contract::Metric::kHeldOutPrediction:
      return engine::HeldOutPredictionMetric{};
    case contract::Metric::kRadius:
      return engine::RadiusMetric{};
    case contract::Metric::kClosedForm:
      return engine::ClosedFormMetric{};
    case contract::Metric::kTargetDistance:
      return TranslateTargetDistance(metric.target_distance(), tables);
    case contract::Metric::kRelativeEntropyToTarget:
      return engine::RelativeEntropyToTargetMetric{TranslateMixture(metric.relative_entropy_to_target().target())};
    case contract::Metric::kModeCoverage:
      return engine::ModeCoverageMetric{TranslateMixture(metric.mode_coverage().target())};
    case contract::Metric::kMoments:
      return engine::MomentsMetric{};
    default:
      return Unknown("metric");
  }
}

absl::StatusOr<std::vector<engine::MetricSpec>> TranslateMetrics(const contract::Output& output, const Tables& tables) {
  std::vector<engine::MetricSpec> metrics;
  for (const contract::Metric& metric : output.metrics()) {
    absl::StatusOr<engine::MetricSpec> translated = TranslateMetric(metric, tables);
    if (!translated.ok()) return translated.status();
    metrics.push_back(*std::move(translated));
  }
  return metrics;
}

// A step of the Wasserstein clock is d times one of SW-JKO's own.
double SlicedStepSize(const contract::Schedule& schedule, int dimension) {
  return schedule.clock() == contract::Schedule::SLICED ? schedule.step_size() : schedule.step_size() / dimension;
}

std::optional<engine::ForkOrigin> TranslateOrigin(const contract::ForkOrigin& origin) {
  if (origin.job().empty()) return std::nullopt;
  return engine::ForkOrigin{origin.step(), origin.sliced_time()};
}

}  // namespace

engine::Gaussian TranslateGaussian(const contract::GaussianDistribution& gaussian) {
  return {Numbers(gaussian.mean()), Entries(gaussian.covariance(), gaussian.mean_size())};
}

engine::GaussianMixture TranslateMixture(const contract::GaussianMixture& mixture) { return TranslateComponents(mixture); }

engine::GeneratorModel TranslateGenerator(const std::string& source, int noise_dimension, const GeneratorParameters& parameters) {
  engine::GeneratorModel generator{source, noise_dimension, {}};
  for (const contract::GeneratorParameter& parameter : parameters) {
    generator.parameters.push_back({{parameter.shape().begin(), parameter.shape().end()}, parameter.initial_scale()});
  }
  return generator;
}

absl::StatusOr<engine::FlowSpec> TranslateSpec(const contract::FlowSpec& spec, const Tables& tables, const contract::ForkOrigin& origin) {
  if (spec.dimension() < 1) return absl::InvalidArgumentError("dimension: must be at least 1");
  if (spec.schedule().length_case() != contract::Schedule::kNumSteps) {
    return absl::InvalidArgumentError("schedule: its length must be told as a number of steps");
  }
  absl::StatusOr<engine::InitialSpec> initial = TranslateInitial(spec.initial(), tables);
  if (!initial.ok()) return initial.status();
  absl::StatusOr<std::vector<engine::WeightedTerm>> terms = TranslateTerms(spec.functional(), tables);
  if (!terms.ok()) return terms.status();
  absl::StatusOr<engine::SolverSpec> solver = TranslateSolver(spec.solver());
  if (!solver.ok()) return solver.status();
  absl::StatusOr<engine::ModelSpec> model = TranslateModel(spec.model());
  if (!model.ok()) return model.status();
  absl::StatusOr<std::vector<engine::MetricSpec>> metrics = TranslateMetrics(spec.output(), tables);
  if (!metrics.ok()) return metrics.status();
  absl::StatusOr<std::optional<engine::LatentSpace>> latent = TranslateLatentSpace(spec.model(), tables);
  if (!latent.ok()) return latent.status();
  const int state_dimension = latent->has_value() ? (*latent)->dimension : spec.dimension();
  return engine::FlowSpec{spec.dimension(),
                          *std::move(initial),
                          *std::move(terms),
                          *solver,
                          *model,
                          SlicedStepSize(spec.schedule(), state_dimension),
                          spec.schedule().num_steps(),
                          spec.schedule().step_halving(),
                          *std::move(metrics),
                          spec.seed(),
                          *std::move(latent),
                          TranslateOrigin(origin)};
}

contract::StepReport TranslateReport(const engine::StepReport& report, double seconds) {
  contract::StepReport translated;
  translated.set_step(report.step);
  translated.set_sliced_time(report.sliced_time);
  translated.set_wasserstein_time(report.wasserstein_time);
  translated.set_energy(report.energy);
  translated.set_energy_standard_error(report.energy_standard_error);
  translated.mutable_term_energies()->Assign(report.term_energies.begin(), report.term_energies.end());
  translated.set_distance_squared(report.distance_squared);
  translated.set_distance_standard_error(report.distance_standard_error);
  if (report.energy_inequality.has_value()) {
    contract::EnergyInequality& inequality = *translated.mutable_energy_inequality();
    inequality.set_slack(report.energy_inequality->slack);
    inequality.set_standard_error(report.energy_inequality->standard_error);
    inequality.set_holds(report.energy_inequality->holds);
  }
  translated.set_inner_iterations(report.inner_iterations);
  translated.set_gradient_norm(report.gradient_norm);
  translated.set_converged(report.converged);
  translated.set_seconds(seconds);
  for (const engine::Metric& metric : report.metrics) {
    contract::MetricValue& value = *translated.add_metrics();
    value.set_name(metric.name);
    value.set_value(metric.value);
    value.set_standard_error(metric.standard_error);
  }
  return translated;
}

contract::InnerProgress TranslateProgress(const engine::InnerProgress& progress) {
  contract::InnerProgress translated;
  translated.set_step(progress.step);
  translated.set_iteration(progress.iteration);
  translated.set_total_iterations(progress.total_iterations);
  translated.set_loss(progress.loss);
  return translated;
}

}  // namespace sliceflow::worker
