#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

void CheckLogisticRegression(Context& context, const std::string& path, v1::BayesianLogisticRegressionPotential& regression) {
  if (!regression.has_train_fraction()) regression.set_train_fraction(0.8);
  if (!regression.has_shuffle()) regression.set_shuffle(true);
  if (!regression.has_batch_size()) regression.set_batch_size(0);
  const Range share{.low = 0, .low_open = true, .high = 1, .high_open = true};
  CheckNumber(context.findings, absl::StrCat(path, ".train_fraction"), regression.train_fraction(), share);
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

void CheckDoubleWell(Context& context, const std::string& path, v1::DoubleWellPotential& well) {
  CheckVector(context, absl::StrCat(path, ".center"), *well.mutable_center(), 0);
  if (!well.has_distance()) well.set_distance(1);
  if (!well.has_depth()) well.set_depth(1);
  if (!well.has_stiffness()) well.set_stiffness(1);
  CheckNumber(context.findings, absl::StrCat(path, ".distance"), well.distance(), Above(0));
  CheckNumber(context.findings, absl::StrCat(path, ".depth"), well.depth(), Above(0));
  CheckNumber(context.findings, absl::StrCat(path, ".stiffness"), well.stiffness(), Above(0));
}

void CheckRosenbrock(Context& context, const std::string& path, v1::RosenbrockPotential& valley) {
  if (context.dimension == 1) {
    context.findings.Invalid(
        path, "needs spec.dimension of 2 or more, is 1: its valley is curved in the plane of two coordinates; use doubleWell");
  }
  if (!valley.has_a()) valley.set_a(1);
  if (!valley.has_b()) valley.set_b(100);
  if (!valley.has_scale()) valley.set_scale(0.05);
  CheckNumber(context.findings, absl::StrCat(path, ".a"), valley.a());
  CheckNumber(context.findings, absl::StrCat(path, ".b"), valley.b(), Above(0));
  CheckNumber(context.findings, absl::StrCat(path, ".scale"), valley.scale(), Above(0));
}

}  // namespace

void CheckPotential(Context& context, const std::string& path, v1::Potential& potential) {
  switch (potential.kind_case()) {
    case v1::Potential::kQuadratic: {
      auto& quadratic = *potential.mutable_quadratic();
      const std::string at = absl::StrCat(path, ".quadratic");
      CheckVector(context, absl::StrCat(at, ".center"), *quadratic.mutable_center(), 0);
      const std::string field = absl::StrCat(at, ".precision");
      if (quadratic.has_precision()) return CheckDefiniteMatrix(context, field, quadratic.precision());
      if (std::optional<v1::Matrix> identity = DefaultMatrix(context, field)) *quadratic.mutable_precision() = *std::move(identity);
      return;
    }
    case v1::Potential::kGaussianMixture:
      return CheckMixture(context, absl::StrCat(path, ".gaussian_mixture"), *potential.mutable_gaussian_mixture());
    case v1::Potential::kRing: {
      auto& ring = *potential.mutable_ring();
      CheckVector(context, absl::StrCat(path, ".ring.center"), *ring.mutable_center(), 0);
      if (!ring.has_radius()) ring.set_radius(1);
      if (!ring.has_stiffness()) ring.set_stiffness(10);
      CheckNumber(context.findings, absl::StrCat(path, ".ring.radius"), ring.radius(), Above(0));
      return CheckNumber(context.findings, absl::StrCat(path, ".ring.stiffness"), ring.stiffness(), Above(0));
    }
    case v1::Potential::kBayesianLogisticRegression:
      return CheckLogisticRegression(context, absl::StrCat(path, ".bayesian_logistic_regression"),
                                     *potential.mutable_bayesian_logistic_regression());
    case v1::Potential::kDoubleWell:
      return CheckDoubleWell(context, absl::StrCat(path, ".double_well"), *potential.mutable_double_well());
    case v1::Potential::kRosenbrock:
      return CheckRosenbrock(context, absl::StrCat(path, ".rosenbrock"), *potential.mutable_rosenbrock());
    case v1::Potential::kExpression:
      return CheckSource(context.findings, context.limits, absl::StrCat(path, ".expression.source"), potential.expression().source());
    case v1::Potential::KIND_NOT_SET:
      return context.findings.Invalid(
          path,
          "must name a potential: quadratic, gaussianMixture, ring, bayesianLogisticRegression, doubleWell, rosenbrock or expression");
  }
}

}  // namespace sliceflow::api
