// The classic JKO scheme on a grid, with an entropically regularised distance.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/nodal.h"
#include "server/engine/models/grid_nodes.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

// The kernel e^{−|x−y|²/γ} of the nodes, applied to densities given by their logarithms: log ∫ e^{−|x−y|²/γ} v(y) dy by the trapezoidal
// rule. One matrix product an axis where the values of a line lie within double's exponents of each other, and sums in the log domain where
// not, so that nothing underflows whatever γ is.
class LogGibbsKernel {
 public:
  // Borrows `nodes`.
  LogGibbsKernel(const GridNodes& nodes, double gamma);

  at::Tensor operator()(const at::Tensor& log_values) const;

 private:
  at::Tensor AlongLines(const at::Tensor& lines, size_t axis) const;

  const GridNodes& nodes_;
  std::vector<at::Tensor> log_kernels_;  // for each axis: from the column's node to the row's, weights included
  std::vector<at::Tensor> kernels_;      // their exponentials, transposed
};

// ρ_{k+1} = argmin (W²_γ(ρ, ρ_k) − (γ/2) ∫ρ log ρ)/(2τ) + F(ρ), W²_γ(ρ, ν) = min over plans π of ∫|x − y|² dπ + γ KL(π | dx dy).
// The plan is a(x) e^{−|x−y|²/γ} b(y); scaling iterations (Peyré 2015; Chizat et al. 2018, algorithm 1) alternate b, which gives it the
// marginal ρ_k, with a, the proximal step of F − (ε/2) ∫ρ log ρ for ε KL, ε = γ/(2τ). That is in closed form at each node: with
// s = ∫ e^{−|x−y|²/γ} b(y) dy,
//   V + c m/(m − 1) ρ^{m−1} + (e − ε/2)(log ρ + 1) + ε log(ρ/s) = 0,   a = ρ/s,
// e the factor of the entropy, c and m those of the porous-medium energy (a Lambert function), V the potentials and the interactions'
// W∗ρ_k. Steps of log a are stretched by 2/(2 + q), q = (ε/2 − e)/(ε/2 + e): without a porous medium the iteration's linearisation has
// eigenvalues −q k with k in [0, 1], for which that factor is best. It also damps the oscillation that there is without an entropy.
class EntropicJko final : public Solver {
 public:
  // The model is a grid.
  EntropicJko(const EntropicJkoSolver& spec, const SolverContext& context);

  // Adds the figure `marginal_error`.
  StepOutcome Step(int step, const Position& before, const StopLatch& stop, InnerCallback progress) override;
  std::optional<Energy> ExactEnergy(const Position& position) const override;
  int64_t ParameterCount(int /*step*/) const override { return context_.model.num_parameters(); }
  int64_t MemorySize(int /*step*/) const override { return 0; }

 private:
  struct Scaling;

  // log a from log s, without stretching.
  at::Tensor Proximal(const at::Tensor& log_s, const at::Tensor& variation) const;
  Scaling Scale(const at::Tensor& log_before, const StopLatch& stop, InnerCallback progress) const;
  // W²_γ(ρ, ρ).
  double SelfTransport(const at::Tensor& log_density) const;
  double Entropy(const at::Tensor& log_density) const;

  EntropicJkoSolver spec_;
  GridNodes nodes_;
  SolverContext context_;
  NodalFunctional functional_;
  LogGibbsKernel kernel_;
  double tau_;
  double epsilon_;
};

}  // namespace sliceflow::engine
