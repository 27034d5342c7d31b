// The density of a finite mixture of Gaussians, shared by the mixture as an initial distribution and as a potential.
#pragma once

#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/export/script_part.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// Σᵢ wᵢ N(mᵢ, Σᵢ), weights divided by their sum. Covariances are symmetric positive definite (validated before). Immutable.
class MixtureDensity {
 public:
  MixtureDensity(const GaussianMixture& mixture, int dimension);

  struct Values {
    at::Tensor log_density;  // n
    at::Tensor gradient;     // ∇ log density, n × d; undefined when not asked for
  };

  // At the rows of x, float n × d.
  Values Evaluate(const at::Tensor& x, bool with_gradient) const;

  // The share of each component in the density at the rows of x, float n × components: wᵢ N(x; mᵢ, Σᵢ) over their sum.
  at::Tensor Responsibilities(const at::Tensor& x) const;

  // `count` independent samples, float count × d.
  at::Tensor Sample(int64_t count, at::Generator& random) const;

  // As a distribution of TorchScript; tensors of the components are stacked.
  ScriptPart Script() const;

  int dimension() const { return dimension_; }
  // Double, one for each component; their sum is 1.
  const at::Tensor& weights() const { return weights_; }
  // Float tensors of d entries: the mixture's mean and the standard deviation of each coordinate.
  const at::Tensor& mean() const { return mean_; }
  const at::Tensor& deviation() const { return deviation_; }

 private:
  struct Component {
    double log_factor = 0;  // log wᵢ − ½ log det(2πΣᵢ)
    at::Tensor mean;        // d
    at::Tensor factor;      // lower Cholesky factor C of Σᵢ
    at::Tensor whitening;   // C⁻¹

    at::Tensor Whiten(const at::Tensor& x) const;
    // log wᵢ N(x; mᵢ, Σᵢ) from the whitened x.
    at::Tensor Log(const at::Tensor& white) const;
  };

  int dimension_;
  std::vector<Component> components_;
  at::Tensor weights_;  // double
  at::Tensor mean_;
  at::Tensor deviation_;
};

}  // namespace sliceflow::engine
