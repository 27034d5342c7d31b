#include "server/engine/kernels/direction_summary.h"

#include <cmath>

namespace sliceflow::kernels {

SlicedValue SummaryOfDirections(absl::Span<const double> values) {
  const auto count = static_cast<double>(values.size());
  SlicedValue result;
  for (const double value : values) result.value += value;
  result.value /= count;
  if (values.size() == 1) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.value) * (value - result.value);
  result.standard_error = std::sqrt(squares / (count - 1) / count);
  return result;
}

}  // namespace sliceflow::kernels
