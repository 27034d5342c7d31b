// The distribution ρ₀ that a flow starts from.
#pragma once

#include <memory>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/export/script_part.h"

namespace sliceflow::engine {

// One kind of initial distribution. Immutable after it is made. Samples are float, count × d.
class InitialDistribution {
 public:
  virtual ~InitialDistribution() = default;

  virtual at::Tensor Sample(int64_t count, at::Generator& random) const = 0;

  // `count` points that stand for ρ₀ as particles. Independent samples unless the kind knows better.
  virtual at::Tensor Particles(int64_t count, at::Generator& random) const { return Sample(count, random); }

  // Whether log-densities are known exactly, so that a flow can start at ρ₀ itself.
  virtual bool has_density() const { return false; }

  // log ρ₀ at the rows of x (n); −∞ outside the support. Only where has_density().
  virtual at::Tensor LogDensity(const at::Tensor& x) const;

  // The distribution as TorchScript; drawn as by Sample. Only where has_density().
  virtual ScriptPart Script() const;

  // Whether x and 2·mean − x have the same law, so that noise may be drawn in pairs.
  virtual bool symmetric() const { return false; }

  // Float, d entries each: the mean and the standard deviation of every coordinate, which models use as their units.
  virtual at::Tensor mean() const = 0;
  virtual at::Tensor deviation() const = 0;
};

}  // namespace sliceflow::engine
