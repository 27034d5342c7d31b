// The functional F(ρ) = Σⱼ cⱼ Fⱼ(ρ) of a density known by its values at the nodes of a grid, by quadrature instead of samples.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/evaluation.h"
#include "server/engine/flow_spec.h"
#include "server/engine/functionals/registry.h"
#include "server/engine/models/grid_nodes.h"

namespace sliceflow::engine {

// Integrals by the trapezoidal rule; radial interactions as discrete convolutions by FFT, in O(m log m) for m nodes, W at distance 0 being
// its mean over a cell, so that kernels with a singularity there are met too. Double tensors of m entries. Immutable.
class NodalFunctional {
 public:
  // Terms are potentials, entropies, porous-medium energies, relative entropies and radial interactions. Borrows `nodes` and `terms`,
  // which are made of the specs, for their names.
  NodalFunctional(const std::vector<WeightedTerm>& specs, const std::vector<Term>& terms, const TermContext& context,
                  const GridNodes& nodes);

  // F at the density with these logarithms, as the evaluator tells it, without any sampling error.
  Energy Evaluate(const at::Tensor& log_density) const;

  // Σⱼ cⱼ (Vⱼ + Wⱼ∗ρ): the first variation of what is linear in ρ, and of the interactions at ρ.
  at::Tensor FirstVariation(const at::Tensor& log_density) const;

  // c of ∫ c ρ log ρ, and c and m of ∫ c ρ^m/(m − 1), where there is one.
  double entropy() const { return entropy_; }
  double porous_weight() const { return porous_weight_; }
  double porous_exponent() const { return porous_exponent_; }

 private:
  // A term without its weight: ∫V dρ + ½∬W dρ dρ + e ∫ρ log ρ + [∫ρ^m/(m − 1)] + constant.
  struct Form {
    at::Tensor potential;  // V; undefined where there is none
    at::Tensor spectrum;   // of W over the differences of nodes; undefined where there is none
    double entropy = 0;
    double exponent = 0;  // m; 0 where there is none
    double constant = 0;
  };
  struct FormOf;

  at::Tensor Convolve(const at::Tensor& spectrum, const at::Tensor& masses) const;
  double Value(const Form& form, const at::Tensor& log_density) const;

  const GridNodes& nodes_;
  const std::vector<Term>& terms_;
  std::vector<Form> forms_;
  double entropy_ = 0;
  double porous_weight_ = 0;
  double porous_exponent_ = 2;
};

}  // namespace sliceflow::engine
