#include "server/api/gate/checks.h"
#include "server/api/gate/gate.h"

namespace sliceflow::api {
namespace {

// The origin, the point of ones, and (1, −1, 1, …).
Tensor DefaultPoints(int64_t dimension) {
  Tensor points{{3, dimension}, std::vector<float>(static_cast<size_t>(3 * dimension), 0.0F)};
  for (int64_t k = 0; k < dimension; ++k) {
    points.values[static_cast<size_t>(dimension + k)] = 1;
    points.values[static_cast<size_t>(2 * dimension + k)] = k % 2 == 0 ? 1.0F : -1.0F;
  }
  return points;
}

// The points given, or an error for `points`.
absl::StatusOr<Tensor> ReadPoints(const v1::TensorChunk& chunk, int64_t dimension) {
  TensorAssembler assembler(kMaxChunkBytes);
  if (absl::Status status = assembler.Add(chunk); !status.ok()) return status;
  if (!assembler.complete()) return absl::InvalidArgumentError("must be a whole array in one chunk");
  Tensor points = assembler.Take();
  if (points.shape.size() != 2 || points.rows() < 1 || points.shape[1] != dimension) {
    return absl::InvalidArgumentError(absl::StrCat("must have the shape [count, ", dimension, "], with at least one point"));
  }
  for (const float value : points.values) {
    if (!std::isfinite(value)) return absl::InvalidArgumentError("must be finite numbers");
  }
  return points;
}

bool CheckDimension(Findings& findings, const Limits& limits, const std::string& field, int dimension) {
  if (dimension < 1) {
    findings.Invalid(field, absl::StrCat("must be at least 1, is ", dimension));
  } else if (dimension > limits.max_dimension) {
    findings.BeyondLimit(field, dimension, limits.max_dimension);
  }
  return dimension >= 1 && dimension <= limits.max_dimension;
}

}  // namespace

void CheckSource(Findings& findings, const Limits& limits, const std::string& field, const std::string& source, const char* example) {
  const auto bytes = static_cast<int64_t>(source.size());
  if (bytes == 0) findings.Invalid(field, absl::StrCat("must define a function, such as ", example));
  if (bytes > limits.max_expression_bytes) findings.BeyondLimit(field, static_cast<double>(bytes), limits.max_expression_bytes);
}

absl::StatusOr<Tensor> CheckCheckExpression(v1::CheckExpressionRequest& request, const Limits& limits) {
  Findings findings;
  const bool is_generator = request.kind() == v1::CheckExpressionRequest::GENERATOR;
  if (request.kind() == v1::CheckExpressionRequest::KIND_UNSPECIFIED || !v1::CheckExpressionRequest::Kind_IsValid(request.kind())) {
    findings.Invalid("kind", "must be POTENTIAL, INTERACTION or GENERATOR");
  }
  if (is_generator) {
    CheckSource(findings, limits, "source", request.source(), kGeneratorExample);
    CheckGeneratorParameters(findings, "parameters", *request.mutable_parameters());
    if (!request.has_noise_dimension()) request.set_noise_dimension(request.dimension());
  } else {
    CheckSource(findings, limits, "source", request.source());
    if (request.has_noise_dimension()) findings.Invalid("noise_dimension", "belongs to GENERATOR");
    if (!request.parameters().empty()) findings.Invalid("parameters", "belong to GENERATOR");
  }
  absl::StatusOr<Tensor> points = DefaultPoints(1);
  const int columns = is_generator ? request.noise_dimension() : request.dimension();
  const bool dimension_fits = CheckDimension(findings, limits, "dimension", request.dimension());
  if (dimension_fits && (!is_generator || CheckDimension(findings, limits, "noise_dimension", columns))) {
    points = request.has_points() ? ReadPoints(request.points(), columns) : DefaultPoints(columns);
    if (!points.ok()) findings.Invalid("points", std::string(points.status().message()));
  }
  if (!findings.empty()) return findings.ToStatus();
  return points;
}

}  // namespace sliceflow::api
