#include "server/api/gate/checks.h"

#include <Eigen/Eigenvalues>

#include "common/ids.h"

namespace sliceflow::api {
namespace {

// Entries mirrored by hand agree to print precision; more than this apart is a mistake.
constexpr double kAsymmetry = 1e-9;

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

bool AllFinite(Context& context, const std::string& field, const Vector& values) {
  for (int i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    context.findings.Invalid(absl::StrCat(field, "[", i, "]"), absl::StrCat("must be a finite number, is ", values[i]));
    return false;
  }
  return true;
}

}  // namespace

bool MayFill(Context& context, const std::string& field, int64_t count) {
  if (count <= context.fill_left) {
    context.fill_left -= count;
    return true;
  }
  context.findings.BeyondLimit(field, absl::StrCat("its default of ", count, " numbers makes the specification larger than ",
                                                   context.limits.max_spec_bytes, " bytes; use a smaller dimension or fewer components"));
  return false;
}

std::string Range::Words() const {
  std::string words = absl::StrCat(low_open ? "above " : "at least ", low);
  if (std::isfinite(high)) absl::StrAppend(&words, high_open ? " and below " : " and at most ", high);
  return words;
}

bool Range::Contains(double value) const {
  const bool above = low_open ? value > low : value >= low;
  const bool below = high_open ? value < high : value <= high;
  return std::isfinite(value) && above && below;
}

void CheckNumber(Context& context, const std::string& field, double value, const Range& range) {
  if (range.Contains(value)) return;
  context.findings.Invalid(field, absl::StrCat("must be a finite number ", range.Words(), ", is ", value));
}

void CheckCount(Context& context, const std::string& field, int64_t value, int64_t low, int64_t limit) {
  if (value < low) {
    context.findings.Invalid(field, absl::StrCat("must be at least ", low, ", is ", value));
  } else if (value > limit) {
    context.findings.BeyondLimit(field, static_cast<double>(value), limit);
  }
}

void CheckValues(Context& context, const std::string& field, int64_t rows) {
  if (context.dimension == 0 || rows <= context.limits.max_sample_values / context.dimension) return;
  context.findings.BeyondLimit(field, static_cast<double>(rows), context.limits.max_sample_values / context.dimension);
}

void CheckVector(Context& context, const std::string& field, Vector& values, double fill) {
  if (context.dimension == 0) return;
  if (values.empty()) {
    if (MayFill(context, field, context.dimension)) values.Resize(context.dimension, fill);
    return;
  }
  if (values.size() != context.dimension) {
    context.findings.Invalid(field, absl::StrCat("must have ", context.dimension, " numbers, one for each dimension; has ", values.size()));
    return;
  }
  AllFinite(context, field, values);
}

void CheckDefiniteMatrix(Context& context, const std::string& field, v1::Matrix& matrix, bool present) {
  const int64_t d = context.dimension;
  if (d == 0) return;
  Vector& values = *matrix.mutable_values();
  const std::string values_field = absl::StrCat(field, ".values");
  if (!present) {
    if (!MayFill(context, field, d * d)) return;
    values.Resize(static_cast<int>(d * d), 0);
    for (int64_t i = 0; i < d; ++i) values.Set(static_cast<int>(i * d + i), 1);
    return;
  }
  if (values.size() != d * d) {
    context.findings.Invalid(values_field,
                             absl::StrCat("must have ", d * d, " numbers, the rows of a ", d, " x ", d, " matrix; has ", values.size()));
    return;
  }
  if (!AllFinite(context, values_field, values)) return;
  const Eigen::Map<const RowMajor> entries(values.data(), d, d);
  const double scale = entries.cwiseAbs().maxCoeff();
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      if (std::abs(entries(i, j) - entries(j, i)) <= kAsymmetry * scale) continue;
      context.findings.Invalid(values_field, absl::StrCat("must be symmetric: entry (", i + 1, ", ", j + 1, ") is ", entries(i, j),
                                                          ", entry (", j + 1, ", ", i + 1, ") is ", entries(j, i)));
      return;
    }
  }
  const double smallest = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(entries, Eigen::EigenvaluesOnly).eigenvalues()(0);
  // Below this share of the largest entry the inverse has no digit left in float32.
  if (smallest > 1e-10 * scale) return;
  context.findings.Invalid(values_field, absl::StrCat("must be positive definite: its smallest eigenvalue is ", smallest));
}

std::optional<v1::Dataset> FindDataset(Context& context, const std::string& field, const std::string& name) {
  const absl::StatusOr<std::string> id = ParseResourceName("datasets", name, field);
  if (!id.ok()) {
    for (const FieldViolation& violation : ViolationsOf(id.status())) context.findings.Invalid(violation.field, violation.description);
    return std::nullopt;
  }
  absl::StatusOr<v1::Dataset> dataset = context.datasets.Get(*id);
  if (dataset.ok()) return *std::move(dataset);
  if (absl::IsNotFound(dataset.status())) {
    context.findings.NotFound(field, name);
  } else {
    context.findings.Failed(dataset.status());
  }
  return std::nullopt;
}

std::optional<v1::Dataset> CheckPointDataset(Context& context, const std::string& field, const std::string& name) {
  std::optional<v1::Dataset> dataset = FindDataset(context, field, name);
  if (!dataset.has_value() || context.dimension == 0 || dataset->columns() == context.dimension) return dataset;
  context.findings.Precondition(
      field, name,
      absl::StrCat("has ", dataset->columns(), " columns; a flow of dimension ", context.dimension, " needs as many as its dimension"));
  return dataset;
}

}  // namespace sliceflow::api
