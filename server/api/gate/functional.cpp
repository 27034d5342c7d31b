#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

constexpr int kMaxTerms = 16;
constexpr int kDefaultProjections = 1000;  // where the solver has none

void CheckLogisticRegression(Context& context, const std::string& path, v1::BayesianLogisticRegressionPotential& regression) {
  if (!regression.has_train_fraction()) regression.set_train_fraction(0.8);
  if (!regression.has_shuffle()) regression.set_shuffle(true);
  if (!regression.has_batch_size()) regression.set_batch_size(0);
  const Range share{.low = 0, .low_open = true, .high = 1, .high_open = true};
  CheckNumber(context, absl::StrCat(path, ".train_fraction"), regression.train_fraction(), share);
  CheckCount(context, absl::StrCat(path, ".batch_size"), regression.batch_size(), 0, context.limits.max_batch_size);

  const std::string field = absl::StrCat(path, ".dataset");
  const std::optional<v1::Dataset> dataset = FindDataset(context, field, regression.dataset());
  if (!dataset.has_value()) return;
  if (dataset->label_values().empty()) {
    context.findings.Precondition(field, regression.dataset(),
                                  "has no labels: its last column must hold -1 and 1, or 0 and 1, and both of them");
  }
  if (context.dimension > 0 && context.dimension != dataset->columns() + 1) {
    context.findings.Precondition(
        field, regression.dataset(),
        absl::StrCat("has ", dataset->columns(), " columns with the label, which takes spec.dimension = ", dataset->columns() + 1,
                     " (a weight for each feature, one for the constant, and log alpha); it is ", context.dimension));
  }
  if (!share.Contains(regression.train_fraction())) return;
  const double train_rows = std::floor(regression.train_fraction() * static_cast<double>(dataset->rows()));
  if (train_rows < 1 || train_rows >= static_cast<double>(dataset->rows())) {
    context.findings.Precondition(
        field, regression.dataset(),
        absl::StrCat("has ", dataset->rows(), " rows, too few to be divided at train_fraction = ", regression.train_fraction()));
  } else if (regression.batch_size() > train_rows) {
    context.findings.Invalid(absl::StrCat(path, ".batch_size"),
                             absl::StrCat("must be at most the ", train_rows, " training rows, is ", regression.batch_size()));
  }
}

void CheckPotential(Context& context, const std::string& path, v1::Potential& potential) {
  switch (potential.kind_case()) {
    case v1::Potential::kQuadratic: {
      auto& quadratic = *potential.mutable_quadratic();
      const std::string at = absl::StrCat(path, ".quadratic");
      CheckVector(context, absl::StrCat(at, ".center"), *quadratic.mutable_center(), 0);
      const bool present = quadratic.has_precision();
      return CheckDefiniteMatrix(context, absl::StrCat(at, ".precision"), *quadratic.mutable_precision(), present);
    }
    case v1::Potential::kGaussianMixture:
      return CheckMixture(context, absl::StrCat(path, ".gaussian_mixture"), *potential.mutable_gaussian_mixture());
    case v1::Potential::kRing: {
      auto& ring = *potential.mutable_ring();
      CheckVector(context, absl::StrCat(path, ".ring.center"), *ring.mutable_center(), 0);
      if (!ring.has_radius()) ring.set_radius(1);
      if (!ring.has_stiffness()) ring.set_stiffness(10);
      CheckNumber(context, absl::StrCat(path, ".ring.radius"), ring.radius(), Above(0));
      return CheckNumber(context, absl::StrCat(path, ".ring.stiffness"), ring.stiffness(), Above(0));
    }
    case v1::Potential::kBayesianLogisticRegression:
      return CheckLogisticRegression(context, absl::StrCat(path, ".bayesian_logistic_regression"),
                                     *potential.mutable_bayesian_logistic_regression());
    case v1::Potential::KIND_NOT_SET:
      return context.findings.Invalid(path, "must name a potential: quadratic, gaussianMixture, ring or bayesianLogisticRegression");
  }
}

void CheckInteraction(Context& context, const std::string& path, v1::Interaction& interaction) {
  if (interaction.kernel_case() == v1::Interaction::KERNEL_NOT_SET) {
    return context.findings.Invalid(path, "must name a kernel: powerLaw");
  }
  auto& kernel = *interaction.mutable_power_law();
  if (!kernel.has_attraction()) kernel.set_attraction(4);
  if (!kernel.has_repulsion()) kernel.set_repulsion(2);
  const std::string at = absl::StrCat(path, ".power_law");
  CheckNumber(context, absl::StrCat(at, ".repulsion"), kernel.repulsion(), Above(0));
  CheckNumber(context, absl::StrCat(at, ".attraction"), kernel.attraction(), {.low = 0, .low_open = true, .high = 16});
  if (kernel.attraction() <= kernel.repulsion()) {
    context.findings.Invalid(absl::StrCat(at, ".attraction"),
                             absl::StrCat("must be above repulsion = ", kernel.repulsion(), ", is ", kernel.attraction()));
  }
}

void CheckSlicedWasserstein(Context& context, const std::string& path, v1::SlicedWasserstein& term, int solver_projections) {
  if (!term.has_num_projections()) term.set_num_projections(solver_projections);
  CheckCount(context, absl::StrCat(path, ".num_projections"), term.num_projections(), 1, context.limits.max_projections);
  CheckPointDataset(context, absl::StrCat(path, ".dataset"), term.dataset());
}

void CheckTerm(Context& context, const std::string& path, v1::FunctionalTerm& term, int solver_projections) {
  if (!term.has_weight()) term.set_weight(1);
  if (!std::isfinite(term.weight()) || term.weight() == 0) {
    context.findings.Invalid(absl::StrCat(path, ".weight"), absl::StrCat("must be a finite number other than 0, is ", term.weight()));
  }
  switch (term.kind_case()) {
    case v1::FunctionalTerm::kPotential:
      return CheckPotential(context, absl::StrCat(path, ".potential"), *term.mutable_potential());
    case v1::FunctionalTerm::kInteraction:
      return CheckInteraction(context, absl::StrCat(path, ".interaction"), *term.mutable_interaction());
    case v1::FunctionalTerm::kEntropy:
      if (term.weight() < 0) {
        context.findings.Invalid(absl::StrCat(path, ".weight"),
                                 absl::StrCat("must be above 0 for entropy, whose negative has no minimum; is ", term.weight()));
      }
      if (!context.model_has_density) {
        context.findings.Invalid(absl::StrCat(path, ".entropy"),
                                 "needs a model with a density, and spec.model is particles, which has none; use realNvp");
      }
      return;
    case v1::FunctionalTerm::kSlicedWasserstein:
      return CheckSlicedWasserstein(context, absl::StrCat(path, ".sliced_wasserstein"), *term.mutable_sliced_wasserstein(),
                                    solver_projections);
    case v1::FunctionalTerm::KIND_NOT_SET:
      return context.findings.Invalid(path, "must name a term: potential, interaction, entropy or slicedWasserstein");
  }
}

}  // namespace

void CheckFunctional(Context& context, const std::string& path, v1::FlowSpec& spec) {
  auto& terms = *spec.mutable_functional()->mutable_terms();
  if (terms.empty() || terms.size() > kMaxTerms) {
    context.findings.Invalid(absl::StrCat(path, ".terms"),
                             absl::StrCat("must have between 1 and ", kMaxTerms, " terms, has ", terms.size()));
    return;
  }
  const int projections = spec.solver().has_sw_jko() ? spec.solver().sw_jko().num_projections() : kDefaultProjections;
  for (int i = 0; i < terms.size(); ++i) {
    CheckTerm(context, absl::StrCat(path, ".terms[", i, "]"), terms[i], projections);
  }
}

}  // namespace sliceflow::api
