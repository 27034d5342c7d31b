#include "server/engine/distances/quantile_plan.h"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>

namespace sliceflow::engine {

// In units of 1/(n m) point i of the first side ends at (i + 1) m, point j of the second at (j + 1) n.
QuantilePlan MergeQuantiles(int64_t n, int64_t m) {
  std::vector<int64_t> from;
  std::vector<int64_t> to;
  std::vector<double> mass;
  const double unit = 1 / (static_cast<double>(n) * static_cast<double>(m));
  int64_t done = 0;
  for (int64_t i = 0, j = 0; i < n && j < m;) {
    const int64_t end = std::min((i + 1) * m, (j + 1) * n);
    from.push_back(i);
    to.push_back(j);
    mass.push_back(static_cast<double>(end - done) * unit);
    done = end;
    if (end == (i + 1) * m) ++i;
    if (end == (j + 1) * n) ++j;
  }
  return {at::tensor(from, at::kLong), at::tensor(to, at::kLong), at::tensor(mass, at::kDouble)};
}

}  // namespace sliceflow::engine
