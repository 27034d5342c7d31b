// What checks of a spec share: fields, and what is said of the first that is wrong.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/engine/expressions/refusal.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// Remembers the first thing that is wrong. `path`: of the field, as errors name it.
class SpecChecker {
 public:
  explicit SpecChecker(int dimension) : dimension_(dimension) {}

  const absl::Status& status() const { return status_; }
  int dimension() const { return dimension_; }

  void Require(bool holds, const std::string& path, absl::string_view what);
  // Finite, and above or at least `least`.
  void Above(double value, double least, const std::string& path);
  void AtLeast(double value, double least, const std::string& path);
  // One finite number for each dimension.
  void Vector(const std::vector<double>& values, const std::string& path);
  void PositiveDefinite(const std::vector<double>& values, const std::string& path);
  void Data(const TablePtr& table, int64_t columns, int64_t least_rows, const std::string& path);
  // Source of a potential or kernel that maps `rows` rows.
  void Source(const std::string& source, int64_t rows, const std::string& path);
  void Refuse(const ExpressionRefusal& refusal, const std::string& path);
  void Mixture(const GaussianMixture& mixture, const std::string& path);

 private:
  int dimension_;
  absl::Status status_;
};

}  // namespace sliceflow::engine
