#include "server/engine/models/grid_nodes.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

GridNodes::GridNodes(const GridModel& spec) : per_axis_(spec.nodes), lower_(spec.lower) {
  std::vector<at::Tensor> axes;
  for (size_t axis = 0; axis < lower_.size(); ++axis) {
    spacing_.push_back((spec.upper[axis] - lower_[axis]) / static_cast<double>(per_axis_ - 1));
    axes.push_back(at::arange(per_axis_, at::TensorOptions(at::kDouble)) * spacing_[axis] + lower_[axis]);
    at::Tensor weights = at::full({per_axis_}, spacing_[axis], at::kDouble);
    weights[0] *= 0.5;
    weights[per_axis_ - 1] *= 0.5;
    axis_weights_.push_back(weights);
  }
  const bool plane = axes.size() == 2;
  points_ = plane ? at::cartesian_prod(axes) : axes[0].unsqueeze(1);
  weights_ = plane ? at::outer(axis_weights_[0], axis_weights_[1]).view({-1}) : axis_weights_[0];
  log_weights_ = weights_.log();
}

at::Tensor GridNodes::Normalise(const at::Tensor& log_values) const {
  const at::Tensor wide = log_values.to(at::kDouble);
  return wide - at::logsumexp(wide + log_weights_, 0);
}

at::Tensor GridNodes::ToParameters(const at::Tensor& log_values) const {
  const at::Tensor normalised = Normalise(log_values);
  return normalised.clamp_min(normalised.max().item<double>() - kDepth).to(at::kFloat);
}

}  // namespace sliceflow::engine
