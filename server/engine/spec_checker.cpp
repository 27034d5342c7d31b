#include "server/engine/spec_checker.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/engine/dense.h"
#include "server/engine/expressions/expression.h"

namespace sliceflow::engine {
namespace {

constexpr double kSymmetryShare = 1e-9;  // of the largest entry

}  // namespace

void SpecChecker::Require(bool holds, const std::string& path, absl::string_view what) {
  if (!holds && status_.ok()) status_ = absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

void SpecChecker::Above(double value, double least, const std::string& path) {
  Require(std::isfinite(value) && value > least, path, absl::StrCat("is ", value, "; must be finite and above ", least));
}

void SpecChecker::AtLeast(double value, double least, const std::string& path) {
  Require(std::isfinite(value) && value >= least, path, absl::StrCat("is ", value, "; must be finite and at least ", least));
}

void SpecChecker::Vector(const std::vector<double>& values, const std::string& path) {
  Require(static_cast<int>(values.size()) == dimension_, path,
          absl::StrCat("has ", values.size(), " entries; the dimension is ", dimension_));
  Require(std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }), path, "has entries that are not finite");
}

void SpecChecker::PositiveDefinite(const std::vector<double>& values, const std::string& path) {
  const auto wanted = static_cast<size_t>(dimension_) * static_cast<size_t>(dimension_);
  Require(values.size() == wanted, path, absl::StrCat("has ", values.size(), " entries; dimension² is ", wanted));
  Require(std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }), path, "has entries that are not finite");
  if (!status_.ok()) return;
  const Eigen::MatrixXd matrix = ToMatrix(values, dimension_);
  const double largest = matrix.cwiseAbs().maxCoeff();
  Require((matrix - matrix.transpose()).cwiseAbs().maxCoeff() <= kSymmetryShare * largest, path, "is not symmetric");
  Require(matrix.llt().info() == Eigen::Success, path, "is not positive definite");
}

void SpecChecker::Data(const TablePtr& table, int64_t columns, int64_t least_rows, const std::string& path) {
  Require(table != nullptr, path, "is missing");
  if (!status_.ok()) return;
  Require(table->columns == columns, path, absl::StrCat("has ", table->columns, " columns; must have ", columns));
  Require(table->rows >= least_rows, path, absl::StrCat("has ", table->rows, " rows; must have at least ", least_rows));
  Require(static_cast<int64_t>(table->values.size()) == table->rows * table->columns, path, "does not fill its rows and columns");
  Require(std::all_of(table->values.begin(), table->values.end(), [](float v) { return std::isfinite(v); }), path,
          "has values that are not finite");
}

void SpecChecker::Source(const std::string& source, int64_t rows, const std::string& path) {
  if (!status_.ok()) return;
  const Expression::Result compiled = Expression::Compile(source, dimension_, rows);
  if (const auto* refusal = std::get_if<ExpressionRefusal>(&compiled)) Refuse(*refusal, path);
}

void SpecChecker::Refuse(const ExpressionRefusal& refusal, const std::string& path) {
  Require(false, path, absl::StrCat("line ", refusal.line, ": ", refusal.reason));
}

void SpecChecker::Mixture(const GaussianMixture& mixture, const std::string& path) {
  Require(!mixture.components.empty(), path + ".components", "is empty");
  for (size_t i = 0; i < mixture.components.size(); ++i) {
    const std::string component = absl::StrCat(path, ".components[", i, "]");
    Above(mixture.components[i].weight, 0, component + ".weight");
    Vector(mixture.components[i].gaussian.mean, component + ".mean");
    PositiveDefinite(mixture.components[i].gaussian.covariance, component + ".covariance");
  }
}

}  // namespace sliceflow::engine
