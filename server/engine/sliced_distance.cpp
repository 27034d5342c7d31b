#include "server/engine/sliced_distance.h"

#include <algorithm>
#include <array>
#include <utility>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "server/engine/transport_device.h"

namespace sliceflow::engine {
namespace {

absl::Span<const float> View(const at::Tensor& tensor) {
  return absl::MakeConstSpan(tensor.const_data_ptr<float>(), static_cast<size_t>(tensor.numel()));
}

kernels::PointCloud CloudOf(const at::Tensor& points) { return {View(points), points.size(0)}; }

// Empty for an undefined tensor.
absl::Span<float> Room(const at::Tensor& gradient) {
  if (!gradient.defined()) return {};
  return absl::MakeSpan(gradient.data_ptr<float>(), static_cast<size_t>(gradient.numel()));
}

}  // namespace

SlicedDistance::Result SlicedDistance::Evaluate(const at::Tensor& x, const at::Tensor& y, const at::Tensor& directions,
                                                bool with_gradient) {
  const at::Tensor from = x.detach().contiguous();
  const at::Tensor to = y.detach().contiguous();
  Reserve({from.size(0), to.size(0), static_cast<int>(from.size(1)), directions.size(0)});
  Result result;
  if (with_gradient) result.gradient = at::empty_like(from);
  const absl::StatusOr<kernels::SlicedValue> value =
      transport_->Evaluate(CloudOf(from), CloudOf(to), View(directions), Room(result.gradient));
  if (!value.ok()) ThrowTransportError(value.status());
  result.value = value->value;
  result.standard_error = value->standard_error;
  return result;
}

SlicedDistance::Sum SlicedDistance::EvaluateSum(const at::Tensor& x, absl::Span<const Target> targets, const at::Tensor& directions) {
  if (targets.size() > kernels::kMostTargets) {
    ThrowTransportError(
        absl::InvalidArgumentError(absl::StrCat("targets has ", targets.size(), " entries; want 1 to ", kernels::kMostTargets)));
  }
  const at::Tensor from = x.detach().contiguous();
  const int count = static_cast<int>(targets.size());
  kernels::SlicedTransportShape wanted{from.size(0), 0, static_cast<int>(from.size(1)), directions.size(0), count};
  std::array<at::Tensor, kernels::kMostTargets> to;  // what the views below are of
  std::array<kernels::SlicedTarget, kernels::kMostTargets> clouds;
  std::array<kernels::SlicedValue, kernels::kMostTargets> values;
  for (int j = 0; j < count; ++j) {
    to[j] = targets[j].y.detach().contiguous();
    clouds[j] = {CloudOf(to[j]), targets[j].weight};
    wanted.max_y = std::max(wanted.max_y, to[j].size(0));
  }
  Reserve(wanted);
  Sum sum{.value = 0, .gradient = at::empty_like(from)};
  absl::Status status = transport_->EvaluateSum(CloudOf(from), absl::MakeConstSpan(clouds).first(count), View(directions),
                                                Room(sum.gradient), absl::MakeSpan(values).first(count));
  if (!status.ok()) ThrowTransportError(std::move(status));
  for (int j = 0; j < count; ++j) sum.value += targets[j].weight * values[j].value;
  return sum;
}

void SlicedDistance::Reserve(const kernels::SlicedTransportShape& wanted) {
  const bool fits = transport_ != nullptr && shape_.dimension == wanted.dimension && wanted.max_x <= shape_.max_x &&
                    wanted.max_y <= shape_.max_y && wanted.max_directions <= shape_.max_directions &&
                    wanted.max_targets <= shape_.max_targets;
  if (fits) return;
  shape_ = {.max_x = std::max(wanted.max_x, shape_.max_x),
            .max_y = std::max(wanted.max_y, shape_.max_y),
            .dimension = wanted.dimension,
            .max_directions = std::max(wanted.max_directions, shape_.max_directions),
            .max_targets = std::max(wanted.max_targets, shape_.max_targets)};
  transport_.reset();  // its memory before that of the next
  transport_ = MakeTransport(shape_);
}

}  // namespace sliceflow::engine
