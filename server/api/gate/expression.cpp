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

}  // namespace

void CheckSource(Findings& findings, const Limits& limits, const std::string& field, const std::string& source) {
  const auto bytes = static_cast<int64_t>(source.size());
  if (bytes == 0) findings.Invalid(field, "must define a function, such as def V(x): return 0.5 * (x * x).sum(1)");
  if (bytes > limits.max_expression_bytes) findings.BeyondLimit(field, static_cast<double>(bytes), limits.max_expression_bytes);
}

absl::StatusOr<Tensor> CheckCheckExpression(const v1::CheckExpressionRequest& request, const Limits& limits) {
  Findings findings;
  if (request.kind() != v1::CheckExpressionRequest::POTENTIAL && request.kind() != v1::CheckExpressionRequest::INTERACTION) {
    findings.Invalid("kind", "must be POTENTIAL or INTERACTION");
  }
  CheckSource(findings, limits, "source", request.source());
  absl::StatusOr<Tensor> points = DefaultPoints(1);
  if (request.dimension() < 1) {
    findings.Invalid("dimension", absl::StrCat("must be at least 1, is ", request.dimension()));
  } else if (request.dimension() > limits.max_dimension) {
    findings.BeyondLimit("dimension", request.dimension(), limits.max_dimension);
  } else {
    points = request.has_points() ? ReadPoints(request.points(), request.dimension()) : DefaultPoints(request.dimension());
    if (!points.ok()) findings.Invalid("points", std::string(points.status().message()));
  }
  if (!findings.empty()) return findings.ToStatus();
  return points;
}

}  // namespace sliceflow::api
