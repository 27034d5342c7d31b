// A density by its values at the nodes of a grid, in one or two dimensions.
#pragma once

#include <memory>

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"
#include "server/engine/models/grid_nodes.h"
#include "server/engine/models/model.h"

namespace sliceflow::engine {

// ρ is piecewise linear (bilinear in the plane) between its values at the nodes, whose logarithms up to a constant are the parameters, and
// 0 outside the box. T is the Knothe–Rosenblatt map of uniform noise z in [0,1]^d: x₁ = F₁⁻¹(z₁), x₂ = F₂⁻¹(z₂ | x₁), in closed form within a
// cell (the root of a quadratic). As ρ is continuous, derivatives of means over z are the means of derivatives also of log ρ(T(z)).
// Works in double; points are float. Time and memory of a batch: O(nodes) on a line, O(rows · nodes) in the plane.
class GridDensity final : public Model {
 public:
  // Shares `initial`, which has a density.
  GridDensity(const GridModel& spec, std::shared_ptr<const InitialDistribution> initial);

  int64_t num_parameters() const override { return nodes_.count(); }
  bool has_density() const override { return true; }
  bool exact() const override { return false; }
  at::Tensor InitialParameters(at::Generator& random) const override;
  bool starts_exact() const override { return true; }
  Noise Draw(int64_t count, bool paired, at::Generator& random) const override;
  Batch Transport(const at::Tensor& parameters, const Noise& noise) const override;
  at::Tensor LogDensity(const at::Tensor& parameters, const at::Tensor& x) const override;
  at::Tensor Inverse(const at::Tensor& parameters, const at::Tensor& x) const override;
  ScriptPart Script(const at::Tensor& parameters) const override;
  int64_t max_samples() const override;

 private:
  // Densities at the nodes, in double: per_axis, or per_axis × per_axis.
  at::Tensor Values(const at::Tensor& parameters) const;

  GridNodes nodes_;
  std::shared_ptr<const InitialDistribution> initial_;
};

}  // namespace sliceflow::engine
