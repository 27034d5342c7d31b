#include "server/engine/functionals/sliced_wasserstein.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "server/engine/dense.h"
#include "server/engine/directions.h"
#include "server/engine/functionals/row_batch.h"

namespace sliceflow::engine {

SlicedWassersteinFunctional::SlicedWassersteinFunctional(const SlicedWassersteinTerm& spec, int64_t batch_size)
    : table_(spec.table), rows_(ViewOf(*spec.table)), num_projections_(spec.num_projections), batch_size_(batch_size) {}

TermValue SlicedWassersteinFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  at::Generator random = draw.random;
  const int64_t wanted = draw.thorough ? std::max(batch_size_, kThoroughRows) : batch_size_;
  const at::Tensor rows = DrawRows(rows_, wanted, random);
  const at::Tensor directions = DrawDirections(ProjectionSampling::kAutomatic, num_projections_, rows.size(1), random);
  const SlicedDistance::Result distance = distance_.Evaluate(batch.x, rows, directions, draw.with_gradient);
  TermValue result;
  result.value = 0.5 * distance.value;
  result.other_error = 0.5 * distance.standard_error;
  if (draw.with_gradient) result.gradient = 0.5 * distance.gradient;
  return result;
}

}  // namespace sliceflow::engine
