// F(ρ) = KL(ρ ‖ e^{−V}/Z) = ∫ V dρ + ∫ ρ log ρ + log Z, from a potential and the entropy.
#pragma once

#include <memory>

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/entropy.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

// log Z where it is known: of quadratic potentials and of Gaussian mixtures; otherwise 0, which leaves the divergence less log Z.
double KnownLogNormalizer(const PotentialSpec& potential);

// The potential's draw is the term's own, so it takes rows as it would alone.
class RelativeEntropyFunctional final : public Functional {
 public:
  RelativeEntropyFunctional(std::unique_ptr<Functional> potential, double log_normalizer);
  bool needs_density() const override { return true; }
  double diffusion() const override { return 1; }
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  std::unique_ptr<Functional> potential_;
  EntropyFunctional entropy_;
  double log_normalizer_;
};

}  // namespace sliceflow::engine
