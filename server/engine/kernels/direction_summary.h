// What the values of single directions say together.
#pragma once

#include "absl/types/span.h"
#include "server/engine/kernels/sliced_transport.h"

namespace sliceflow::kernels {

// Mean and standard error of the mean. `values` has one entry at least. Summed in order.
SlicedValue SummaryOfDirections(absl::Span<const double> values);

}  // namespace sliceflow::kernels
