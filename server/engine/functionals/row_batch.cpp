#include "server/engine/functionals/row_batch.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

at::Tensor DrawRows(const at::Tensor& rows, int64_t count, at::Generator& random) {
  if (count >= rows.size(0)) return rows;
  const at::Tensor order = at::randperm(rows.size(0), random, at::TensorOptions(at::kLong));
  return rows.index_select(0, order.narrow(0, 0, count));
}

}  // namespace sliceflow::engine
