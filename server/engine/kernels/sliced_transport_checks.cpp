#include "server/engine/kernels/sliced_transport_checks.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace sliceflow::kernels {
namespace {

absl::Status CheckWeights(absl::string_view name, const PointCloud& cloud) {
  if (cloud.weights.empty()) return absl::OkStatus();
  if (static_cast<int64_t>(cloud.weights.size()) != cloud.count) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".weights has ", cloud.weights.size(), " entries; want ", cloud.count, " or none"));
  }
  double sum = 0;
  for (const float weight : cloud.weights) {
    if (!std::isfinite(weight) || weight < 0) {
      return absl::InvalidArgumentError(absl::StrCat(name, ".weights holds ", weight, "; want finite numbers >= 0"));
    }
    sum += weight;
  }
  if (sum > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ".weights sums to 0; want a positive sum"));
}

absl::Status CheckCloud(absl::string_view name, const PointCloud& cloud, int64_t max_count, int dimension) {
  if (cloud.count < 1 || cloud.count > max_count || cloud.count > std::numeric_limits<int32_t>::max() - 16) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".count is ", cloud.count, "; want 1 to ", max_count));
  }
  if (static_cast<int64_t>(cloud.points.size()) != cloud.count * dimension) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".points has ", cloud.points.size(), " entries; want ", cloud.count, " x ", dimension));
  }
  return CheckWeights(name, cloud);
}

}  // namespace

absl::Status CheckSlicedTransportInput(const SlicedTransportShape& shape, const PointCloud& x, const PointCloud& y,
                                       absl::Span<const float> directions, absl::Span<const float> gradient) {
  if (shape.dimension < 1) return absl::InvalidArgumentError(absl::StrCat("dimension is ", shape.dimension, "; want at least 1"));
  if (absl::Status status = CheckCloud("x", x, shape.max_x, shape.dimension); !status.ok()) return status;
  if (absl::Status status = CheckCloud("y", y, shape.max_y, shape.dimension); !status.ok()) return status;
  const int64_t entries = static_cast<int64_t>(directions.size());
  if (entries == 0 || entries % shape.dimension != 0 || entries / shape.dimension > shape.max_directions) {
    return absl::InvalidArgumentError(
        absl::StrCat("directions has ", entries, " entries; want 1 to ", shape.max_directions, " rows of ", shape.dimension));
  }
  if (!gradient.empty() && gradient.size() != x.points.size()) {
    return absl::InvalidArgumentError(absl::StrCat("gradient has ", gradient.size(), " entries; want 0 or ", x.points.size()));
  }
  return absl::OkStatus();
}

absl::Status CheckSlicedSumInput(const SlicedTransportShape& shape, const PointCloud& x, absl::Span<const SlicedTarget> targets,
                                 absl::Span<const float> directions, absl::Span<const float> gradient,
                                 absl::Span<const SlicedValue> values) {
  if (shape.max_targets < 1 || shape.max_targets > kMostTargets) {
    return absl::InvalidArgumentError(absl::StrCat("max_targets is ", shape.max_targets, "; want 1 to ", kMostTargets));
  }
  if (targets.empty() || targets.size() > static_cast<size_t>(shape.max_targets)) {
    return absl::InvalidArgumentError(absl::StrCat("targets has ", targets.size(), " entries; want 1 to ", shape.max_targets));
  }
  if (values.size() != targets.size()) {
    return absl::InvalidArgumentError(absl::StrCat("values has ", values.size(), " entries; want ", targets.size()));
  }
  for (size_t j = 0; j < targets.size(); ++j) {
    if (!(std::abs(targets[j].weight) <= std::numeric_limits<float>::max())) {
      return absl::InvalidArgumentError(absl::StrCat("targets[", j, "].weight is ", targets[j].weight, "; want a finite float"));
    }
    const absl::Status status = CheckSlicedTransportInput(shape, x, targets[j].cloud, directions, gradient);
    if (!status.ok()) return absl::Status(status.code(), absl::StrCat("targets[", j, "]: ", status.message()));
  }
  return absl::OkStatus();
}

}  // namespace sliceflow::kernels
