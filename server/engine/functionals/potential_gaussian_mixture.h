// V(x) = −log Σᵢ wᵢ N(x; mᵢ, Σᵢ).
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"
#include "server/engine/mixture_density.h"

namespace sliceflow::engine {

class GaussianMixtureFunctional final : public Functional {
 public:
  GaussianMixtureFunctional(const GaussianMixturePotential& spec, int dimension) : density_(spec.mixture, dimension) {}
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  MixtureDensity density_;
};

}  // namespace sliceflow::engine
