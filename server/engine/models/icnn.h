// Pushforward by gradients of input-convex networks, one or a chain of them.
#pragma once

#include <memory>

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"
#include "server/engine/models/convex_gradient_layer.h"
#include "server/engine/models/flat_parameters.h"
#include "server/engine/models/model.h"

namespace sliceflow::engine {

// x = mean + deviation · (T_k ∘ … ∘ T_1)((z − mean)/deviation), z from the base, mean and deviation the base's, T_i = ∇φ_i the gradient of
// an input-convex network (ConvexGradientLayer). The flat parameters are those of the links in turn, so that a longer tensor is a longer
// chain: JKO-ICNN adds a link each step, other solvers train one. Cost of a batch: that of a layer for each link. The base is ρ₀ where that
// has a density; otherwise a Gaussian.
class Icnn final : public Model {
 public:
  // `links`: of the initial parameters. Without any the model is its base.
  Icnn(const IcnnModel& spec, int dimension, std::shared_ptr<const InitialDistribution> base, bool base_is_initial, int links);

  int64_t num_parameters() const override { return links_ * link_size(); }
  bool has_density() const override { return true; }
  bool exact() const override { return false; }
  bool grows() const override { return true; }
  at::Tensor InitialParameters(at::Generator& random) const override;
  bool starts_exact() const override { return base_is_initial_ && links_ == 0; }
  Noise Draw(int64_t count, bool paired, at::Generator& random) const override;
  Batch Transport(const at::Tensor& parameters, const Noise& noise) const override;
  at::Tensor LogDensity(const at::Tensor& parameters, const at::Tensor& x) const override;
  at::Tensor Inverse(const at::Tensor& parameters, const at::Tensor& x) const override;
  ScriptPart Script(const at::Tensor& parameters) const override;
  int64_t max_samples() const override;

  // Parameters of one link.
  int64_t link_size() const { return flat_.size(); }

  // A link near the identity.
  at::Tensor InitialLink(at::Generator& random) const;

  // `batch` pushed through one more link; part of the graph of `link`.
  Batch Push(const at::Tensor& link, const Batch& batch) const;

 private:
  std::shared_ptr<const InitialDistribution> base_;
  bool base_is_initial_;
  int links_;
  at::Tensor mean_;
  at::Tensor deviation_;
  ConvexGradientLayer layer_;
  FlatParameters flat_;  // of a link
};

}  // namespace sliceflow::engine
