// The input gate that every sliced transport shares.
#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/engine/kernels/sliced_transport.h"

namespace sliceflow::kernels {

// OK when the arguments of SlicedTransport::Evaluate fit each other and `shape`; InvalidArgument naming the first that does not.
// Looks at sizes and weights, not at points or directions. Allocates only for an error's text.
absl::Status CheckSlicedTransportInput(const SlicedTransportShape& shape, const PointCloud& x, const PointCloud& y,
                                       absl::Span<const float> directions, absl::Span<const float> gradient);

// The same of SlicedTransport::EvaluateSum. What is wrong with a target is told as of `targets[j]`.
absl::Status CheckSlicedSumInput(const SlicedTransportShape& shape, const PointCloud& x, absl::Span<const SlicedTarget> targets,
                                 absl::Span<const float> directions, absl::Span<const float> gradient,
                                 absl::Span<const SlicedValue> values);

}  // namespace sliceflow::kernels
