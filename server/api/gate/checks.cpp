#include "server/api/gate/checks.h"

#include <algorithm>

#include <Eigen/Eigenvalues>

#include "common/ids.h"

namespace sliceflow::api {
namespace {

// Entries mirrored by hand agree to print precision; more than this apart is a mistake.
constexpr double kAsymmetry = 1e-9;

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

bool IsTooLarge(double value) { return !(std::abs(value) <= kLargestMagnitude); }

// The first that is wrong is told.
bool AreNumbers(Context& context, const std::string& field, const Vector& values) {
  for (int i = 0; i < values.size(); ++i) {
    if (!IsTooLarge(values[i])) continue;
    CheckNumber(context.findings, absl::StrCat(field, "[", i, "]"), values[i]);
    return false;
  }
  return true;
}

// A definite matrix's eigenvalues, in growing order.
void CheckEigenvalues(Context& context, const std::string& field, const Eigen::VectorXd& eigenvalues, double scale) {
  const double smallest = eigenvalues(0);
  const double largest = eigenvalues(eigenvalues.size() - 1);
  // Below this share of the largest entry the inverse has no digit left in float32.
  if (!(smallest > 1e-10 * scale)) {
    context.findings.Invalid(field, absl::StrCat("must be positive definite: its smallest eigenvalue is ", smallest));
  } else if (smallest < kLeastMagnitude || largest > kLargestMagnitude) {
    context.findings.Invalid(field, absl::StrCat("must have eigenvalues between ", kLeastMagnitude, " and ", kLargestMagnitude,
                                                 "; they go from ", smallest, " to ", largest));
  }
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

void CheckNumber(Findings& findings, const std::string& field, double value, const Range& range) {
  if (!range.Contains(value)) return findings.Invalid(field, absl::StrCat("must be a finite number ", range.Words(), ", is ", value));
  const bool tiny = range.low == 0 && value > 0 && value < kLeastMagnitude;
  if (!tiny && !IsTooLarge(value)) return;
  const char* zero = range.low == 0 && !range.low_open ? "0 or " : "";
  const double least = range.low == 0 ? kLeastMagnitude : range.low;
  findings.Invalid(field,
                   absl::StrCat("must be ", zero, "between ", least, " and ", std::min(range.high, kLargestMagnitude), ", is ", value));
}

void CheckNumber(Findings& findings, const std::string& field, double value) {
  if (!IsTooLarge(value)) return;
  findings.Invalid(field, absl::StrCat("must be a finite number between ", -kLargestMagnitude, " and ", kLargestMagnitude, ", is ", value));
}

void CheckFactor(Findings& findings, const std::string& field, double value) {
  if (!std::isfinite(value) || value == 0) {
    return findings.Invalid(field, absl::StrCat("must be a finite number other than 0, is ", value));
  }
  if (!IsTooLarge(value) && std::abs(value) >= kLeastMagnitude) return;
  findings.Invalid(field, absl::StrCat("must be of a magnitude between ", kLeastMagnitude, " and ", kLargestMagnitude, ", is ", value));
}

void CheckInterval(Findings& findings, const std::string& path, const Vector& lower, const Vector& upper) {
  for (int i = 0; i < lower.size() && i < upper.size(); ++i) {
    if (IsTooLarge(lower[i]) || IsTooLarge(upper[i]) || static_cast<float>(upper[i]) > static_cast<float>(lower[i])) continue;
    const char* apart = upper[i] > lower[i] ? " by what float32 can tell" : "";
    findings.Invalid(absl::StrCat(path, ".upper[", i, "]"),
                     absl::StrCat("must be above lower[", i, "] = ", lower[i], apart, ", is ", upper[i]));
  }
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
  AreNumbers(context, field, values);
}

std::optional<v1::Matrix> DefaultMatrix(Context& context, const std::string& field) {
  const int64_t d = context.dimension;
  if (d == 0) return std::nullopt;
  if (d * d <= context.fill_left) {
    context.fill_left -= d * d;
    v1::Matrix identity;
    identity.mutable_values()->Resize(static_cast<int>(d * d), 0);
    for (int64_t i = 0; i < d; ++i) identity.set_values(static_cast<int>(i * d + i), 1);
    return identity;
  }
  if (d * d > context.identity_left) {
    context.findings.BeyondLimit(
        field, absl::StrCat("its default is a matrix of ", d * d, " numbers, and beside the other defaults there is room for ",
                            context.identity_left, "; use a smaller dimension, fewer components or fewer such terms, or uniformBox for an ",
                            "initial distribution"));
    return std::nullopt;
  }
  context.identity_left -= d * d;
  return std::nullopt;
}

void CheckDefiniteMatrix(Context& context, const std::string& field, const v1::Matrix& matrix) {
  const int64_t d = context.dimension;
  if (d == 0) return;
  const Vector& values = matrix.values();
  const std::string values_field = absl::StrCat(field, ".values");
  if (values.size() != d * d) {
    context.findings.Invalid(values_field,
                             absl::StrCat("must have ", d * d, " numbers, the rows of a ", d, " x ", d, " matrix; has ", values.size()));
    return;
  }
  if (!AreNumbers(context, values_field, values)) return;
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
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(entries, Eigen::EigenvaluesOnly);
  CheckEigenvalues(context, values_field, solver.eigenvalues(), scale);
}

std::optional<v1::Dataset> FindDataset(Context& context, const std::string& field, const std::string& name) {
  const absl::StatusOr<std::string> id = ParseResourceName("datasets", name, field);
  if (!id.ok()) {
    for (const FieldViolation& violation : ViolationsOf(id.status())) context.findings.Invalid(violation.field, violation.description);
    return std::nullopt;
  }
  absl::StatusOr<v1::Dataset> dataset = context.datasets.Get(jobs::Scope::Of(context.owner), {context.owner, *id});
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
