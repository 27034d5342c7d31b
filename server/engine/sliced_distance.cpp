#include "server/engine/sliced_distance.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "server/engine/transport_device.h"

namespace sliceflow::engine {
namespace {

absl::Span<const float> View(const at::Tensor& tensor) {
  return absl::MakeConstSpan(tensor.const_data_ptr<float>(), static_cast<size_t>(tensor.numel()));
}

}  // namespace

SlicedDistance::Result SlicedDistance::Evaluate(const at::Tensor& x, const at::Tensor& y, const at::Tensor& directions,
                                                bool with_gradient) {
  const at::Tensor from = x.detach().contiguous();
  const at::Tensor to = y.detach().contiguous();
  Reserve(from.size(0), to.size(0), from.size(1), directions.size(0));
  Result result;
  absl::Span<float> gradient;
  if (with_gradient) {
    result.gradient = at::empty_like(from);
    gradient = absl::MakeSpan(result.gradient.data_ptr<float>(), static_cast<size_t>(from.numel()));
  }
  absl::StatusOr<kernels::SlicedValue> value =
      transport_->Evaluate({View(from), from.size(0)}, {View(to), to.size(0)}, View(directions), gradient);
  if (!value.ok()) ThrowTransportError(value.status());
  result.value = value->value;
  result.standard_error = value->standard_error;
  return result;
}

void SlicedDistance::Reserve(int64_t x_count, int64_t y_count, int64_t dimension, int64_t directions) {
  const bool fits = transport_ != nullptr && shape_.dimension == dimension && x_count <= shape_.max_x && y_count <= shape_.max_y &&
                    directions <= shape_.max_directions;
  if (fits) return;
  shape_ = {.max_x = std::max(x_count, shape_.max_x),
            .max_y = std::max(y_count, shape_.max_y),
            .dimension = static_cast<int>(dimension),
            .max_directions = std::max(directions, shape_.max_directions)};
  transport_.reset();  // its memory before that of the next
  transport_ = MakeTransport(shape_);
}

}  // namespace sliceflow::engine
