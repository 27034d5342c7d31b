#include "server/engine/kernels/sliced_transport.h"

#include <cstddef>

#include "server/engine/kernels/sliced_transport_checks.h"

namespace sliceflow::kernels {

absl::Status SlicedTransport::EvaluateSum(const PointCloud& x, absl::Span<const SlicedTarget> targets, absl::Span<const float> directions,
                                          absl::Span<float> gradient, absl::Span<SlicedValue> values) {
  if (absl::Status status = CheckSlicedSumInput(shape_, x, targets, directions, gradient, values); !status.ok()) return status;
  if (targets.size() > 1 && term_.size() < gradient.size()) term_.resize(gradient.size());
  for (size_t j = 0; j < targets.size(); ++j) {
    const absl::Span<float> term = j == 0 ? gradient : absl::MakeSpan(term_).first(gradient.size());
    const absl::StatusOr<SlicedValue> value = Evaluate(x, targets[j].cloud, directions, term);
    if (!value.ok()) return value.status();
    values[j] = *value;
    const auto weight = static_cast<float>(targets[j].weight);
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = j == 0 ? weight * term[i] : gradient[i] + weight * term[i];
  }
  return absl::OkStatus();
}

}  // namespace sliceflow::kernels
