#include <algorithm>
#include <utility>

#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

constexpr int kMaxLatentDimension = 512;  // of a decomposition in O(d³)

// Memory that no single field bounds: parameters, and what a batch leaves in the hidden layers. In one dimension the model is a monotone
// map of few parameters.
void BoundRealNvp(Context& context, const std::string& path, const v1::RealNvp& model) {
  if (context.dimension < 2) return;
  const double width = model.hidden_width();
  const double dimension = context.dimension;
  // A network from half of the coordinates to a scale and a shift of the other half, and a matrix.
  const double network = width * (width + 1.5 * dimension);
  const double linear = model.learned_linear() ? dimension * dimension : 0;
  const double parameters = model.couplings() * (network + linear);
  if (parameters > static_cast<double>(context.limits.max_model_parameters)) {
    context.findings.BeyondLimit(absl::StrCat(path, ".hidden_width"),
                                 absl::StrCat("couplings, hidden_width and dimension together make about ", parameters,
                                              " parameters; this server takes ", context.limits.max_model_parameters));
    return;
  }
  context.hidden_values = model.couplings() * (2 * width + 3 * dimension);
}

void CheckRealNvp(Context& context, const std::string& path, v1::RealNvp& model) {
  if (!model.has_couplings()) model.set_couplings(4);
  if (!model.has_hidden_width()) model.set_hidden_width(32);
  if (!model.has_learned_linear()) model.set_learned_linear(true);
  CheckCount(context, absl::StrCat(path, ".couplings"), model.couplings(), 1, 64);
  CheckCount(context, absl::StrCat(path, ".hidden_width"), model.hidden_width(), 1, 4096);
  BoundRealNvp(context, path, model);
}

// As BoundRealNvp, of both networks.
void BoundAutoEncoder(Context& context, const std::string& path, const v1::LatentFlow& model) {
  const double width = model.hidden_width();
  const double parameters =
      2 * width * (static_cast<double>(context.dimension) + model.latent_dimension() + (model.hidden_layers() - 1) * width);
  if (parameters > static_cast<double>(context.limits.max_model_parameters)) {
    context.findings.BeyondLimit(absl::StrCat(path, ".hidden_width"),
                                 absl::StrCat("hidden_layers, hidden_width and dimension together make about ", parameters,
                                              " parameters; this server takes ", context.limits.max_model_parameters));
  }
  const double values = 2 * model.hidden_layers() * width * model.batch_size();
  if (values > static_cast<double>(context.limits.max_hidden_values)) {
    context.findings.BeyondLimit(absl::StrCat(path, ".batch_size"),
                                 absl::StrCat("together with the hidden layers makes ", values, " values in them; this server takes ",
                                              context.limits.max_hidden_values));
  }
}

void CheckTrainingRows(Context& context, const std::string& field, const v1::LatentFlow& model) {
  if (model.dataset().empty()) {
    return context.findings.Invalid(field, "is required where the terms of the functional do not name one and the same data set");
  }
  const std::optional<v1::Dataset> dataset = CheckPointDataset(context, field, model.dataset());
  if (!dataset.has_value() || dataset->rows() >= 2) return;
  context.findings.Precondition(field, model.dataset(), "has 1 row; an auto-encoder needs at least 2");
}

void CheckLatentFlow(Context& context, const std::string& path, v1::LatentFlow& model) {
  const int most = context.dimension > 0 ? std::min(kMaxLatentDimension, context.dimension) : kMaxLatentDimension;
  if (!model.has_latent_dimension()) model.set_latent_dimension(std::min(32, most));
  if (!model.has_hidden_width()) model.set_hidden_width(256);
  if (!model.has_hidden_layers()) model.set_hidden_layers(2);
  if (!model.has_training_iterations()) model.set_training_iterations(2000);
  if (!model.has_batch_size()) model.set_batch_size(128);
  CheckTrainingRows(context, absl::StrCat(path, ".dataset"), model);
  const bool fits = model.latent_dimension() >= 1 && model.latent_dimension() <= most;
  if (!fits) {
    context.findings.Invalid(absl::StrCat(path, ".latent_dimension"),
                             absl::StrCat("must be between 1 and ", most, ", is ", model.latent_dimension()));
  }
  CheckCount(context, absl::StrCat(path, ".hidden_width"), model.hidden_width(), 1, 4096);
  CheckCount(context, absl::StrCat(path, ".hidden_layers"), model.hidden_layers(), 1, 8);
  CheckCount(context, absl::StrCat(path, ".training_iterations"), model.training_iterations(), 1, context.limits.max_inner_iterations);
  CheckCount(context, absl::StrCat(path, ".batch_size"), model.batch_size(), 2, context.limits.max_batch_size);
  CheckValues(context, absl::StrCat(path, ".batch_size"), model.batch_size());
  BoundAutoEncoder(context, path, model);
  context.state_dimension = fits ? model.latent_dimension() : 0;
  const int dimension = std::exchange(context.dimension, context.state_dimension);
  CheckRealNvp(context, absl::StrCat(path, ".real_nvp"), *model.mutable_real_nvp());
  context.dimension = dimension;
}

void CheckParticles(Context& context, const std::string& path, v1::Particles& model) {
  if (!model.has_count()) model.set_count(1000);
  CheckCount(context, absl::StrCat(path, ".count"), model.count(), 1, context.limits.max_particles);
  CheckValues(context, absl::StrCat(path, ".count"), model.count());
}

constexpr int kIcnnDimension = 64;

void CheckIcnn(Context& context, const std::string& path, v1::Icnn& model) {
  if (!model.has_hidden_layers()) model.set_hidden_layers(2);
  if (!model.has_hidden_width()) model.set_hidden_width(64);
  CheckCount(context, absl::StrCat(path, ".hidden_layers"), model.hidden_layers(), 1, 4);
  CheckCount(context, absl::StrCat(path, ".hidden_width"), model.hidden_width(), 1, 256);
  if (context.dimension > kIcnnDimension) {
    context.findings.Invalid(
        path, absl::StrCat("takes a determinant of the Hessian at every sample, so spec.dimension must be at most ", kIcnnDimension,
                           ", is ", context.dimension, "; above use the model realNvp with the solver pairedJko"));
  }
  const double dimension = context.dimension;
  const double layers = model.hidden_layers();
  const double width = model.hidden_width();
  context.hidden_values = layers * width * (4 + 3 * dimension) + 3 * dimension * dimension;
  context.link_parameters = layers * width * (width + dimension + 1) + dimension * (dimension + 1);
}

constexpr int kDefaultMoves = 100;
constexpr Range kBelowOne{.low = 0, .high = 1, .high_open = true};

void CheckAdam(Context& context, const std::string& path, v1::Adam& adam) {
  if (!adam.has_learning_rate()) adam.set_learning_rate(0.005);
  if (!adam.has_beta1()) adam.set_beta1(0.9);
  if (!adam.has_beta2()) adam.set_beta2(0.999);
  CheckNumber(context.findings, absl::StrCat(path, ".learning_rate"), adam.learning_rate(), {.low = 0, .low_open = true, .high = 10});
  CheckNumber(context.findings, absl::StrCat(path, ".beta1"), adam.beta1(), kBelowOne);
  CheckNumber(context.findings, absl::StrCat(path, ".beta2"), adam.beta2(), kBelowOne);
}

void CheckSgd(Context& context, const std::string& path, v1::Sgd& sgd) {
  if (!sgd.has_learning_rate()) sgd.set_learning_rate(0.1);
  if (!sgd.has_momentum()) sgd.set_momentum(0.9);
  CheckNumber(context.findings, absl::StrCat(path, ".learning_rate"), sgd.learning_rate(), {.low = 0, .low_open = true, .high = 1000});
  CheckNumber(context.findings, absl::StrCat(path, ".momentum"), sgd.momentum(), kBelowOne);
}

void CheckOptimizer(Context& context, const std::string& path, v1::Optimizer& optimizer) {
  if (optimizer.rate_schedule() == v1::Optimizer::RATE_SCHEDULE_UNSPECIFIED) optimizer.set_rate_schedule(v1::Optimizer::COSINE);
  if (!v1::Optimizer::RateSchedule_IsValid(optimizer.rate_schedule())) {
    context.findings.Invalid(absl::StrCat(path, ".rate_schedule"),
                             absl::StrCat("must be COSINE or CONSTANT, is ", optimizer.rate_schedule()));
  }
  switch (optimizer.kind_case()) {
    case v1::Optimizer::KIND_NOT_SET:
    case v1::Optimizer::kAdam:
      return CheckAdam(context, absl::StrCat(path, ".adam"), *optimizer.mutable_adam());
    case v1::Optimizer::kSgd:
      return CheckSgd(context, absl::StrCat(path, ".sgd"), *optimizer.mutable_sgd());
  }
}

// The fields that all minimising solvers have.
template <typename Scheme>
void CheckMinimisation(Context& context, const std::string& path, Scheme& scheme) {
  if (!scheme.has_inner_iterations()) scheme.set_inner_iterations(200);
  if (!scheme.has_batch_size()) scheme.set_batch_size(1024);
  if (!scheme.has_max_attempts()) scheme.set_max_attempts(3);
  if (!scheme.has_tolerance()) scheme.set_tolerance(0);
  CheckCount(context, absl::StrCat(path, ".inner_iterations"), scheme.inner_iterations(), 1, context.limits.max_inner_iterations);
  CheckCount(context, absl::StrCat(path, ".batch_size"), scheme.batch_size(), 2, context.limits.max_batch_size);
  CheckValues(context, absl::StrCat(path, ".batch_size"), scheme.batch_size());
  if (const double values = context.hidden_values * scheme.batch_size(); values > static_cast<double>(context.limits.max_hidden_values)) {
    context.findings.BeyondLimit(absl::StrCat(path, ".batch_size"),
                                 absl::StrCat("together with the model's size makes ", values,
                                              " values in hidden layers; this server takes ", context.limits.max_hidden_values));
  }
  CheckCount(context, absl::StrCat(path, ".max_attempts"), scheme.max_attempts(), 1, 10);
  CheckNumber(context.findings, absl::StrCat(path, ".tolerance"), scheme.tolerance(), kBelowOne);
  CheckOptimizer(context, absl::StrCat(path, ".optimizer"), *scheme.mutable_optimizer());
}

template <typename Scheme>
void CheckOrder(Context& context, const std::string& path, Scheme& scheme) {
  if (!scheme.has_order()) scheme.set_order(2);
  if (scheme.order() == 1 || scheme.order() == 2) return;
  context.findings.Invalid(absl::StrCat(path, ".order"), absl::StrCat("must be 1 or 2, is ", scheme.order()));
}

void CheckVariant(Context& context, const std::string& path, v1::SwJko& scheme) {
  if (!scheme.has_control_variate()) scheme.set_control_variate(false);
  if (scheme.variant() == v1::SwJko::VARIANT_UNSPECIFIED) scheme.set_variant(v1::SwJko::SLICED);
  if (!v1::SwJko::Variant_IsValid(scheme.variant())) {
    context.findings.Invalid(absl::StrCat(path, ".variant"),
                             absl::StrCat("must be SLICED, MAX_SLICED or CONCENTRATION, is ", scheme.variant()));
  }
  if (scheme.control_variate() && scheme.variant() != v1::SwJko::SLICED) {
    context.findings.Invalid(absl::StrCat(path, ".control_variate"), "is for the variant SLICED; with another variant leave it out");
  }
}

// By default. In few dimensions what directions leave uncertain is less than what samples do: 50 and 200 then lead to the same symmetric KL.
constexpr int kLeastProjections = 50, kMostProjections = 100;

void CheckSwJko(Context& context, const std::string& path, v1::SwJko& scheme) {
  CheckMinimisation(context, path, scheme);
  CheckOrder(context, path, scheme);
  CheckVariant(context, path, scheme);
  if (!scheme.has_num_projections()) {
    scheme.set_num_projections(std::clamp(2 * context.state_dimension, kLeastProjections, kMostProjections));
  }
  CheckCount(context, absl::StrCat(path, ".num_projections"), scheme.num_projections(), 1, context.limits.max_projections);
  CheckValues(context, absl::StrCat(path, ".num_projections"), scheme.num_projections());
  if (scheme.projection_sampling() == v1::SwJko::PROJECTION_SAMPLING_UNSPECIFIED) scheme.set_projection_sampling(v1::SwJko::AUTOMATIC);
  if (!v1::SwJko::ProjectionSampling_IsValid(scheme.projection_sampling())) {
    context.findings.Invalid(
        absl::StrCat(path, ".projection_sampling"),
        absl::StrCat("must be AUTOMATIC, INDEPENDENT, ORTHOGONAL or QUASI_MONTE_CARLO, is ", scheme.projection_sampling()));
  }
}

void CheckPairedJko(Context& context, const std::string& path, v1::PairedJko& scheme) {
  CheckMinimisation(context, path, scheme);
  CheckOrder(context, path, scheme);
}

void CheckJkoIcnn(Context& context, const std::string& path, v1::FlowSpec& spec) {
  CheckMinimisation(context, path, *spec.mutable_solver()->mutable_jko_icnn());
  context.parameters_a_step = context.link_parameters;
  if (!spec.model().has_icnn()) {
    context.findings.Invalid(path, "adds a convex map each step, so it needs spec.model icnn; with another model use pairedJko");
  }
  const bool density = spec.initial().has_gaussian() || spec.initial().has_mixture() || spec.initial().has_uniform_box();
  if (!density) {
    context.findings.Invalid(path,
                             "maps the initial distribution, which must have a density: gaussian, mixture or uniformBox; from another use "
                             "pairedJko or swJko with the model realNvp, which is fitted to it");
  }
}

// Solvers that move particles rather than train a model.
void CheckMovesParticles(Context& context, const std::string& path, const v1::FlowSpec& spec) {
  if (spec.model().has_particles()) return;
  context.findings.Invalid(path, "moves particles, so it needs spec.model particles; with another model use pairedJko or swJko");
}

void CheckEulerMaruyama(Context& context, const std::string& path, v1::FlowSpec& spec) {
  v1::EulerMaruyama& solver = *spec.mutable_solver()->mutable_euler_maruyama();
  if (!solver.has_inner_iterations()) solver.set_inner_iterations(kDefaultMoves);
  if (!solver.has_batch_size()) solver.set_batch_size(1024);
  CheckCount(context, absl::StrCat(path, ".inner_iterations"), solver.inner_iterations(), 1, context.limits.max_inner_iterations);
  CheckCount(context, absl::StrCat(path, ".batch_size"), solver.batch_size(), 2, context.limits.max_batch_size);
  CheckMovesParticles(context, path, spec);
}

void CheckMala(Context& context, const std::string& path, v1::FlowSpec& spec) {
  v1::Mala& solver = *spec.mutable_solver()->mutable_mala();
  if (!solver.has_inner_iterations()) solver.set_inner_iterations(kDefaultMoves);
  CheckCount(context, absl::StrCat(path, ".inner_iterations"), solver.inner_iterations(), 1, context.limits.max_inner_iterations);
  CheckMovesParticles(context, path, spec);
  const auto& terms = spec.functional().terms();
  // Particles have no density for a porousMedium, and no other noise than an entropy's moves them.
  const bool porous = std::any_of(terms.begin(), terms.end(), [](const v1::FunctionalTerm& term) { return term.has_porous_medium(); });
  const char* other = porous ? "pairedJko with the model realNvp" : "eulerMaruyama";
  for (int i = 0; i < terms.size(); ++i) {
    if (HasEntropy(terms[i]) || terms[i].has_potential()) continue;
    context.findings.Invalid(path, absl::StrCat("accepts moves by a density known at points, which spec.functional.terms[", i,
                                                "] does not leave; with such a term use ", other));
  }
  if (std::none_of(terms.begin(), terms.end(), HasEntropy)) {
    context.findings.Invalid(path, absl::StrCat("needs a term entropy, without which there is no density to sample; use ", other));
  }
}

}  // namespace

bool HasEntropy(const v1::FunctionalTerm& term) { return term.has_entropy() || term.has_relative_entropy(); }

bool HasDensity(const v1::Model& model) {
  switch (model.kind_case()) {
    case v1::Model::KIND_NOT_SET:
    case v1::Model::kRealNvp:
    case v1::Model::kIcnn:
    case v1::Model::kGrid:
      return true;
    case v1::Model::kParticles:
    case v1::Model::kMlp:
    case v1::Model::kCnn:
    case v1::Model::kDecoder:
    case v1::Model::kGenerator:
    case v1::Model::kLatentFlow:
      return false;
  }
  return false;
}

std::string KindOf(const v1::Model& model) {
  const auto* field = v1::Model::descriptor()->FindFieldByNumber(model.kind_case());
  return field == nullptr ? "realNvp" : field->json_name();
}

void CheckModel(Context& context, const std::string& path, v1::Model& model) {
  switch (model.kind_case()) {
    case v1::Model::KIND_NOT_SET:
    case v1::Model::kRealNvp:
      return CheckRealNvp(context, absl::StrCat(path, ".real_nvp"), *model.mutable_real_nvp());
    case v1::Model::kParticles:
      return CheckParticles(context, absl::StrCat(path, ".particles"), *model.mutable_particles());
    case v1::Model::kIcnn:
      return CheckIcnn(context, absl::StrCat(path, ".icnn"), *model.mutable_icnn());
    case v1::Model::kMlp:
    case v1::Model::kCnn:
    case v1::Model::kDecoder:
    case v1::Model::kGenerator:
      return CheckPushforward(context, path, model);
    case v1::Model::kGrid:
      return CheckGrid(context, absl::StrCat(path, ".grid"), *model.mutable_grid());
    case v1::Model::kLatentFlow:
      return CheckLatentFlow(context, absl::StrCat(path, ".latent_flow"), *model.mutable_latent_flow());
  }
}

void CheckSolver(Context& context, const std::string& path, v1::FlowSpec& spec) {
  v1::Solver& solver = *spec.mutable_solver();
  switch (solver.kind_case()) {
    case v1::Solver::KIND_NOT_SET:
    case v1::Solver::kSwJko:
      return CheckSwJko(context, absl::StrCat(path, ".sw_jko"), *solver.mutable_sw_jko());
    case v1::Solver::kPairedJko:
      return CheckPairedJko(context, absl::StrCat(path, ".paired_jko"), *solver.mutable_paired_jko());
    case v1::Solver::kEulerMaruyama:
      return CheckEulerMaruyama(context, absl::StrCat(path, ".euler_maruyama"), spec);
    case v1::Solver::kMala:
      return CheckMala(context, absl::StrCat(path, ".mala"), spec);
    case v1::Solver::kJkoIcnn:
      return CheckJkoIcnn(context, absl::StrCat(path, ".jko_icnn"), spec);
    case v1::Solver::kEntropicJko:
      return CheckEntropicJko(context, absl::StrCat(path, ".entropic_jko"), spec);
  }
}

bool TurnsEntropyIntoNoise(const v1::Solver& solver) { return solver.has_euler_maruyama() || solver.has_mala(); }

}  // namespace sliceflow::api
