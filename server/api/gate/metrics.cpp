#include <algorithm>

#include <Eigen/Cholesky>

#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

constexpr int kDefaultProjections = 500;

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

int CountTerms(const v1::FlowSpec& spec, bool (*is)(const v1::FunctionalTerm&)) {
  return static_cast<int>(std::count_if(spec.functional().terms().begin(), spec.functional().terms().end(), is));
}

const v1::Potential& PotentialOf(const v1::FunctionalTerm& term) {
  return term.has_relative_entropy() ? term.relative_entropy().potential() : term.potential();
}

bool IsLogisticRegression(const v1::FunctionalTerm& term) { return PotentialOf(term).has_bayesian_logistic_regression(); }
bool IsPositiveQuadratic(const v1::FunctionalTerm& term) { return term.potential().has_quadratic() && term.weight() > 0; }
bool IsPositiveEntropy(const v1::FunctionalTerm& term) { return term.has_entropy() && term.weight() > 0; }
bool IsPositivePotential(const v1::FunctionalTerm& term) { return term.has_potential() && term.weight() > 0; }
bool IsMixture(const v1::FunctionalTerm& term) { return PotentialOf(term).has_gaussian_mixture(); }

// The first term that is such a one; null where there is none.
const v1::FunctionalTerm* FindTerm(const v1::FlowSpec& spec, bool (*is)(const v1::FunctionalTerm&)) {
  const auto found = std::find_if(spec.functional().terms().begin(), spec.functional().terms().end(), is);
  return found == spec.functional().terms().end() ? nullptr : &*found;
}

// A covariance, or the identity that it is where it is left out.
template <typename Component>
void CopyMatrix(Context& context, const std::string& field, const Component& from, v1::GaussianMixture::Component& to) {
  if (from.has_covariance()) {
    *to.mutable_covariance() = from.covariance();
  } else if (std::optional<v1::Matrix> identity = DefaultMatrix(context, field)) {
    *to.mutable_covariance() = *std::move(identity);
  }
}

void CopyMixture(Context& context, const std::string& field, const v1::GaussianMixturePotential& potential, v1::GaussianMixture& target) {
  int64_t numbers = 0;
  for (const auto& component : potential.components()) numbers += component.mean_size() + component.covariance().values_size();
  if (!MayFill(context, field, numbers)) return;
  for (const auto& component : potential.components()) {
    v1::GaussianMixture::Component& copy = *target.add_components();
    copy.set_weight(component.weight());
    *copy.mutable_mean() = component.mean();
    CopyMatrix(context, field, component, copy);
  }
}

// e^{−V c₁/c₂} of a quadratic V is the Gaussian N(b, (c₂/c₁) A⁻¹). What is wrong with A is recorded where A is; left out, it is the identity.
void InvertQuadratic(Context& context, const std::string& field, const v1::QuadraticPotential& potential, double temperature,
                     v1::GaussianMixture& target) {
  const int64_t d = context.dimension;
  if (!potential.has_precision() && temperature == 1 && potential.center_size() == d) {
    if (!MayFill(context, field, d)) return;
    v1::GaussianMixture::Component& component = *target.add_components();
    component.set_weight(1);
    *component.mutable_mean() = potential.center();
    return CopyMatrix(context, field, component, component);
  }
  if (potential.precision().values_size() != d * d || potential.center_size() != d || !MayFill(context, field, d * d + d)) return;
  const Eigen::Map<const RowMajor> precision(potential.precision().values().data(), d, d);
  const RowMajor inverse = temperature * precision.llt().solve(Eigen::MatrixXd::Identity(d, d));
  if (const double largest = inverse.cwiseAbs().maxCoeff(); largest > kLargestMagnitude) {
    return context.findings.Invalid(field, absl::StrCat("by default is the functional's minimum, whose covariance has entries up to ",
                                                        largest, "; it must have none beyond ", kLargestMagnitude));
  }
  v1::GaussianMixture::Component& component = *target.add_components();
  component.set_weight(1);
  *component.mutable_mean() = potential.center();
  component.mutable_covariance()->mutable_values()->Add(inverse.data(), inverse.data() + d * d);
}

// A functional whose minimum is e^{−V/temperature}/Z.
struct Relaxation {
  const v1::Potential* potential = nullptr;  // null where the functional is another one
  double temperature = 1;
};

Relaxation FindRelaxation(const v1::FlowSpec& spec) {
  const auto& terms = spec.functional().terms();
  if (terms.size() == 1 && terms[0].has_relative_entropy() && terms[0].weight() > 0) return {&terms[0].relative_entropy().potential()};
  const v1::FunctionalTerm* entropy = FindTerm(spec, IsPositiveEntropy);
  const v1::FunctionalTerm* potential = FindTerm(spec, IsPositivePotential);
  if (terms.size() != 2 || entropy == nullptr || potential == nullptr) return {};
  return {&potential->potential(), entropy->weight() / potential->weight()};
}

// The target that the functional itself has, where it has a known one. Whether it does.
bool FillStationaryTarget(Context& context, const std::string& field, const v1::FlowSpec& spec, v1::GaussianMixture& target) {
  const Relaxation relaxation = FindRelaxation(spec);
  if (relaxation.potential == nullptr) return false;
  if (relaxation.potential->has_quadratic()) {
    InvertQuadratic(context, field, relaxation.potential->quadratic(), relaxation.temperature, target);
    return true;
  }
  if (!relaxation.potential->has_gaussian_mixture() || relaxation.temperature != 1) return false;
  CopyMixture(context, field, relaxation.potential->gaussian_mixture(), target);
  return true;
}

void CheckRelativeEntropy(Context& context, const std::string& path, v1::RelativeEntropyToTargetMetric& metric, const v1::FlowSpec& spec) {
  if (!context.model_has_density) {
    context.findings.Invalid(
        path, absl::StrCat("needs a model with a density, and spec.model is ", context.model_kind, ", which has none; use realNvp"));
  }
  const std::string field = absl::StrCat(path, ".target");
  if (metric.has_target()) return CheckMixture(context, field, *metric.mutable_target());
  if (FillStationaryTarget(context, field, spec, *metric.mutable_target())) return;
  context.findings.Invalid(field,
                           "is required: only a functional of one entropy and one quadratic potential, or one gaussianMixture potential of "
                           "the same weight, both positive, or of one relativeEntropy to such a potential has a target that is known");
}

void CheckModeCoverage(Context& context, const std::string& path, v1::ModeCoverageMetric& metric, const v1::FlowSpec& spec) {
  const std::string field = absl::StrCat(path, ".target");
  if (metric.has_target()) return CheckMixture(context, field, *metric.mutable_target());
  if (const int count = CountTerms(spec, IsMixture); count != 1) {
    return context.findings.Invalid(
        field, absl::StrCat("is required where the functional has not exactly one gaussianMixture potential; it has ", count));
  }
  CopyMixture(context, field, PotentialOf(*FindTerm(spec, IsMixture)).gaussian_mixture(), *metric.mutable_target());
}

void CheckTargetDistance(Context& context, const std::string& path, v1::TargetDistanceMetric& metric) {
  if (!metric.has_num_projections()) metric.set_num_projections(kDefaultProjections);
  CheckCount(context, absl::StrCat(path, ".num_projections"), metric.num_projections(), 1, context.limits.max_projections);
  CheckPointDataset(context, absl::StrCat(path, ".dataset"), metric.dataset());
}

void CheckClosedForm(Context& context, const std::string& path, const v1::FlowSpec& spec) {
  const bool process = spec.initial().has_gaussian() && spec.functional().terms_size() == 2 && CountTerms(spec, IsPositiveQuadratic) == 1 &&
                       CountTerms(spec, IsPositiveEntropy) == 1;
  if (process) return;
  context.findings.Invalid(path,
                           "is known only from a gaussian initial distribution, for a functional of one quadratic potential and "
                           "one entropy, both of positive weight");
}

void CheckHeldOut(Context& context, const std::string& path, const v1::FlowSpec& spec) {
  const int count = CountTerms(spec, IsLogisticRegression);
  if (count == 1) return;
  context.findings.Invalid(path, absl::StrCat("needs a functional with exactly one bayesianLogisticRegression, which has ", count));
}

}  // namespace

void CheckMetric(Context& context, const std::string& path, v1::Metric& metric, const v1::FlowSpec& spec) {
  switch (metric.kind_case()) {
    case v1::Metric::kHeldOutPrediction:
      return CheckHeldOut(context, absl::StrCat(path, ".held_out_prediction"), spec);
    case v1::Metric::kRadius:
    case v1::Metric::kMoments:
      return;
    case v1::Metric::kClosedForm:
      return CheckClosedForm(context, absl::StrCat(path, ".closed_form"), spec);
    case v1::Metric::kTargetDistance:
      return CheckTargetDistance(context, absl::StrCat(path, ".target_distance"), *metric.mutable_target_distance());
    case v1::Metric::kRelativeEntropyToTarget:
      return CheckRelativeEntropy(context, absl::StrCat(path, ".relative_entropy_to_target"), *metric.mutable_relative_entropy_to_target(),
                                  spec);
    case v1::Metric::kModeCoverage:
      return CheckModeCoverage(context, absl::StrCat(path, ".mode_coverage"), *metric.mutable_mode_coverage(), spec);
    case v1::Metric::KIND_NOT_SET:
      return context.findings.Invalid(path,
                                      "must name a metric: heldOutPrediction, radius, closedForm, targetDistance, "
                                      "relativeEntropyToTarget, modeCoverage or moments");
  }
}

}  // namespace sliceflow::api
