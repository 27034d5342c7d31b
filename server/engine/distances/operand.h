// What a distance knows of one of its sides.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <ATen/core/Tensor.h>

#include "absl/status/statusor.h"
#include "server/engine/distance.h"
#include "server/engine/distances/gaussian_law.h"

namespace sliceflow::engine {

// One kind of side. Not thread-safe where it borrows a flow.
class Side {
 public:
  virtual ~Side() = default;

  virtual int dimension() const = 0;

  // Up to `count` samples in random order, float, n × d; fewer where there are no more.
  virtual absl::StatusOr<at::Tensor> Samples(int64_t count, uint64_t seed) const = 0;

  virtual bool has_density() const = 0;
  // log of the density at the rows of x, double, n. Only where has_density().
  virtual absl::StatusOr<at::Tensor> LogDensity(const at::Tensor& x) const = 0;

  // Mean and covariance where they are known exactly.
  virtual std::optional<GaussianLaw> moments() const { return std::nullopt; }
};

// Checks the operand: InvalidArgument for a table without values or a mixture that is none.
absl::StatusOr<std::unique_ptr<Side>> MakeSide(const Operand& operand);

}  // namespace sliceflow::engine
