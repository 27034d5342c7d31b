#include <algorithm>

#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

constexpr int kMaxTerms = 16;
constexpr int kDefaultProjections = 1000;  // where the solver has none
constexpr int kLeastOfTerm = 100;          // what is fitted to data wants more than what holds a step short

void CheckPowerLaw(Context& context, const std::string& path, v1::PowerLawKernel& kernel) {
  if (!kernel.has_attraction()) kernel.set_attraction(4);
  if (!kernel.has_repulsion()) kernel.set_repulsion(2);
  CheckNumber(context.findings, absl::StrCat(path, ".repulsion"), kernel.repulsion(), Above(0));
  CheckNumber(context.findings, absl::StrCat(path, ".attraction"), kernel.attraction(), {.low = 0, .low_open = true, .high = 16});
  if (kernel.attraction() <= kernel.repulsion()) {
    context.findings.Invalid(absl::StrCat(path, ".attraction"),
                             absl::StrCat("must be above repulsion = ", kernel.repulsion(), ", is ", kernel.attraction()));
  }
}

void CheckMorse(Context& context, const std::string& path, v1::MorseKernel& kernel) {
  if (!kernel.has_attraction()) kernel.set_attraction(1);
  if (!kernel.has_attraction_length()) kernel.set_attraction_length(1);
  if (!kernel.has_repulsion()) kernel.set_repulsion(2);
  if (!kernel.has_repulsion_length()) kernel.set_repulsion_length(0.5);
  CheckNumber(context.findings, absl::StrCat(path, ".attraction"), kernel.attraction(), AtLeast(0));
  CheckNumber(context.findings, absl::StrCat(path, ".attraction_length"), kernel.attraction_length(), Above(0));
  CheckNumber(context.findings, absl::StrCat(path, ".repulsion"), kernel.repulsion(), AtLeast(0));
  CheckNumber(context.findings, absl::StrCat(path, ".repulsion_length"), kernel.repulsion_length(), Above(0));
}

void CheckKellerSegel(Context& context, const std::string& path, v1::KellerSegelKernel& kernel) {
  if (!kernel.has_chi()) kernel.set_chi(1);
  if (!kernel.has_softening()) kernel.set_softening(0.001);
  CheckNumber(context.findings, absl::StrCat(path, ".chi"), kernel.chi(), Above(0));
  CheckNumber(context.findings, absl::StrCat(path, ".softening"), kernel.softening(), AtLeast(0));
}

void CheckInteraction(Context& context, const std::string& path, v1::Interaction& interaction) {
  if (!interaction.has_random_pairs()) interaction.set_random_pairs(0);
  CheckCount(context, absl::StrCat(path, ".random_pairs"), interaction.random_pairs(), 0, context.limits.max_batch_size);
  switch (interaction.kernel_case()) {
    case v1::Interaction::kPowerLaw:
      return CheckPowerLaw(context, absl::StrCat(path, ".power_law"), *interaction.mutable_power_law());
    case v1::Interaction::kGaussian: {
      auto& kernel = *interaction.mutable_gaussian();
      if (!kernel.has_bandwidth()) kernel.set_bandwidth(1);
      return CheckNumber(context.findings, absl::StrCat(path, ".gaussian.bandwidth"), kernel.bandwidth(), Above(0));
    }
    case v1::Interaction::kMorse:
      return CheckMorse(context, absl::StrCat(path, ".morse"), *interaction.mutable_morse());
    case v1::Interaction::kKellerSegel:
      return CheckKellerSegel(context, absl::StrCat(path, ".keller_segel"), *interaction.mutable_keller_segel());
    case v1::Interaction::kExpression:
      if (interaction.random_pairs() > 0) {
        context.findings.Invalid(absl::StrCat(path, ".random_pairs"), "must be 0 beside an expression, which takes all pairs");
      }
      return CheckSource(context.findings, context.limits, absl::StrCat(path, ".expression.source"), interaction.expression().source());
    case v1::Interaction::KERNEL_NOT_SET:
      return context.findings.Invalid(path, "must name a kernel: powerLaw, gaussian, morse, kellerSegel or expression");
  }
}

void CheckSlicedWasserstein(Context& context, const std::string& path, v1::SlicedWasserstein& term, int solver_projections) {
  if (!term.has_num_projections()) term.set_num_projections(solver_projections);
  CheckCount(context, absl::StrCat(path, ".num_projections"), term.num_projections(), 1, context.limits.max_projections);
  CheckValues(context, absl::StrCat(path, ".num_projections"), term.num_projections());
  CheckPointDataset(context, absl::StrCat(path, ".dataset"), term.dataset());
}

void CheckMmd(Context& context, const std::string& path, v1::Mmd& term) {
  const std::string field = absl::StrCat(path, ".dataset");
  const std::optional<v1::Dataset> dataset = CheckPointDataset(context, field, term.dataset());
  if (dataset.has_value() && dataset->rows() < 2) {
    context.findings.Precondition(field, term.dataset(), "has 1 row; the unbiased estimate needs at least 2");
  }
  switch (term.kernel_case()) {
    case v1::Mmd::KERNEL_NOT_SET:
    case v1::Mmd::kGaussian: {
      auto& kernel = *term.mutable_gaussian();
      if (!kernel.has_bandwidth()) kernel.set_bandwidth(0);
      return CheckNumber(context.findings, absl::StrCat(path, ".gaussian.bandwidth"), kernel.bandwidth(), AtLeast(0));
    }
    case v1::Mmd::kEnergyDistance:
      return;
    case v1::Mmd::kInverseMultiquadric: {
      auto& kernel = *term.mutable_inverse_multiquadric();
      if (!kernel.has_scale()) kernel.set_scale(0);
      return CheckNumber(context.findings, absl::StrCat(path, ".inverse_multiquadric.scale"), kernel.scale(), AtLeast(0));
    }
  }
}

// What holds of the terms that read log-densities: `kind` is the field's name, `called` what it is called.
void CheckInternalEnergy(Context& context, const std::string& path, const v1::FunctionalTerm& term, absl::string_view kind,
                         absl::string_view called) {
  const double weight = term.weight();
  const bool may_be_noise = HasEntropy(term);
  if (weight < 0) {
    context.findings.Invalid(absl::StrCat(path, ".weight"),
                             absl::StrCat("must be above 0 for ", called, ", whose negative has no minimum; is ", weight));
  }
  if (context.model_has_density || (may_be_noise && context.entropy_is_noise)) return;
  context.findings.Invalid(
      absl::StrCat(path, ".", kind),
      absl::StrCat("needs a model with a density, and spec.model is ", context.model_kind, ", which has none; use realNvp",
                   may_be_noise ? ", or particles with the solver eulerMaruyama, which turns an entropy into noise" : ""));
}

void CheckTerm(Context& context, const std::string& path, v1::FunctionalTerm& term, int solver_projections) {
  if (!term.has_weight()) term.set_weight(1);
  CheckFactor(context.findings, absl::StrCat(path, ".weight"), term.weight());
  switch (term.kind_case()) {
    case v1::FunctionalTerm::kPotential:
      return CheckPotential(context, absl::StrCat(path, ".potential"), *term.mutable_potential());
    case v1::FunctionalTerm::kInteraction:
      return CheckInteraction(context, absl::StrCat(path, ".interaction"), *term.mutable_interaction());
    case v1::FunctionalTerm::kEntropy:
      return CheckInternalEnergy(context, path, term, "entropy", "entropy");
    case v1::FunctionalTerm::kSlicedWasserstein:
      return CheckSlicedWasserstein(context, absl::StrCat(path, ".sliced_wasserstein"), *term.mutable_sliced_wasserstein(),
                                    solver_projections);
    case v1::FunctionalTerm::kPorousMedium: {
      CheckInternalEnergy(context, path, term, "porous_medium", "porousMedium");
      auto& medium = *term.mutable_porous_medium();
      if (!medium.has_exponent()) medium.set_exponent(2);
      const Range range{.low = 1, .low_open = true, .high = 16};
      return CheckNumber(context.findings, absl::StrCat(path, ".porous_medium.exponent"), medium.exponent(), range);
    }
    case v1::FunctionalTerm::kMmd:
      return CheckMmd(context, absl::StrCat(path, ".mmd"), *term.mutable_mmd());
    case v1::FunctionalTerm::kRelativeEntropy:
      CheckInternalEnergy(context, path, term, "relative_entropy", "relativeEntropy");
      return CheckPotential(context, absl::StrCat(path, ".relative_entropy.potential"),
                            *term.mutable_relative_entropy()->mutable_potential());
    case v1::FunctionalTerm::KIND_NOT_SET:
      return context.findings.Invalid(
          path, "must name a term: potential, interaction, entropy, slicedWasserstein, porousMedium, mmd or relativeEntropy");
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
  const int projections =
      spec.solver().has_sw_jko() ? std::max(spec.solver().sw_jko().num_projections(), kLeastOfTerm) : kDefaultProjections;
  for (int i = 0; i < terms.size(); ++i) {
    CheckTerm(context, absl::StrCat(path, ".terms[", i, "]"), terms[i], projections);
  }
}

}  // namespace sliceflow::api
