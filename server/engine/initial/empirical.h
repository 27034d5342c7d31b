// The rows of a data set as an initial distribution.
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"

namespace sliceflow::engine {

class EmpiricalInitial final : public InitialDistribution {
 public:
  // Shares the table.
  explicit EmpiricalInitial(const Empirical& empirical);

  // Rows drawn with replacement.
  at::Tensor Sample(int64_t count, at::Generator& random) const override;

  // Up to the number of rows: different rows, in random order. Beyond it rows come again, moved by a thousandth of each column's standard
  // deviation in a random direction: particles that coincide exactly would do so for ever.
  at::Tensor Particles(int64_t count, at::Generator& random) const override;

  at::Tensor mean() const override { return mean_; }
  at::Tensor deviation() const override { return deviation_; }

 private:
  TablePtr table_;
  at::Tensor rows_;
  at::Tensor mean_;
  at::Tensor deviation_;
};

}  // namespace sliceflow::engine
