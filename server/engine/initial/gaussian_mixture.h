// Gaussians and their mixtures as initial distributions.
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"
#include "server/engine/mixture_density.h"

namespace sliceflow::engine {

// A Gaussian is a mixture of one, and then symmetric about its mean.
class MixtureInitial final : public InitialDistribution {
 public:
  MixtureInitial(const GaussianMixture& mixture, int dimension)
      : density_(mixture, dimension), symmetric_(mixture.components.size() == 1) {}

  at::Tensor Sample(int64_t count, at::Generator& random) const override { return density_.Sample(count, random); }
  bool has_density() const override { return true; }
  at::Tensor LogDensity(const at::Tensor& x) const override { return density_.Evaluate(x, /*with_gradient=*/false).log_density; }
  ScriptPart Script() const override { return density_.Script(); }
  bool symmetric() const override { return symmetric_; }
  at::Tensor mean() const override { return density_.mean(); }
  at::Tensor deviation() const override { return density_.deviation(); }

 private:
  MixtureDensity density_;
  bool symmetric_;
};

}  // namespace sliceflow::engine
