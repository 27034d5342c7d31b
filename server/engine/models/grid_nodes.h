// The nodes of a regular grid over a box of one or two dimensions, and the trapezoidal rule on them.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// Nodes along each axis from the box's lower end to its upper one, both included; in the plane the second coordinate runs fastest.
// Immutable. Tensors are double.
class GridNodes {
 public:
  // How far below the largest a log-density is told apart: e^{−80} is a normal float.
  static constexpr double kDepth = 80;

  explicit GridNodes(const GridModel& spec);

  int64_t dimension() const { return static_cast<int64_t>(spacing_.size()); }
  int64_t per_axis() const { return per_axis_; }
  int64_t count() const { return points_.size(0); }
  double lower(int64_t axis) const { return lower_[static_cast<size_t>(axis)]; }
  double spacing(int64_t axis) const { return spacing_[static_cast<size_t>(axis)]; }

  // count × d.
  const at::Tensor& points() const { return points_; }
  // Of the trapezoidal rule along one axis (per_axis), and over the box (count).
  const at::Tensor& axis_weights(int64_t axis) const { return axis_weights_[static_cast<size_t>(axis)]; }
  const at::Tensor& weights() const { return weights_; }

  // Log-values at the nodes (count, of any scale and real type) as log-densities of mass 1 under the trapezoidal rule. Differentiable.
  at::Tensor Normalise(const at::Tensor& log_values) const;

  // The same as parameters of the model: float, at most kDepth below the largest.
  at::Tensor ToParameters(const at::Tensor& log_values) const;

 private:
  int64_t per_axis_;
  std::vector<double> lower_;
  std::vector<double> spacing_;
  at::Tensor points_;
  std::vector<at::Tensor> axis_weights_;
  at::Tensor weights_;
  at::Tensor log_weights_;
};

}  // namespace sliceflow::engine
