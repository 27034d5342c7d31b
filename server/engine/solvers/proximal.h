// Minimising schemes: each step minimises a penalty on the distance moved, plus the functional.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/solvers/candidate.h"
#include "server/engine/solvers/proximity.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

// J(ρ) = P(ρ) + F(ρ), D² the proximity's:
//   order 1   P(ρ) = D²(ρ, ρ_k)/(2τ)                             (Jordan, Kinderlehrer & Otto 1998)
//   order 2   P(ρ) = D²(ρ, ρ_k)/τ − D²(ρ, ρ_{k−1})/(4τ)          (variational BDF2, Matthes & Plazotta 2019)
// The first step of order 2 goes in two halves, one of order 1 and one of order 2: with a whole step of order 1 its error would be most of the
// flow's. J is minimised over what the candidate trains, by a fresh optimizer from where the candidate starts. A step that ends above where it
// began was thrown out by steps too large for the objective: it is tried again from ρ_k with a third of the learning rate, up to `max_attempts`
// times, and the best is taken.
class ProximalSolver final : public Solver {
 public:
  // `tau`: the step size in the clock of D².
  ProximalSolver(const InnerMinimisation& inner, int order, double tau, std::unique_ptr<Proximity> proximity,
                 std::unique_ptr<Candidate> candidate, const SolverContext& context);

  StepOutcome Step(int step, const Position& before, const StopLatch& stop, InnerCallback progress) override;
  int64_t ParameterCount(int step) const override { return candidate_->ParameterCount(step); }
  int64_t MemorySize(int step) const override;

 private:
  struct Weights {
    double last = 0;         // factor of D²(ρ, ρ_k)
    double second_last = 0;  // factor of D²(ρ, ρ_{k−1}); 0 where there is none
  };
  struct Start;   // of a minimisation: what every attempt is compared with
  struct Course;  // of a step

  static Weights WeightsFrom(const Position& before, double tau);
  std::optional<Divergence> DivergentGradient(const std::vector<TermValue>& values) const;
  ObjectiveValue Objective(const at::Tensor& leaf, const Start& start, uint64_t step, uint64_t draw);
  double ValueOfTerms(const Batch& batch, const at::Generator& random);
  StepOutcome Judge(const Minimisation& minimised, const Start& start);
  // One minimisation of J with step size `tau`.
  StepOutcome Minimum(const Position& before, double tau, Course& course);
  // A step of order 2 that has no ρ_{k−1}.
  StepOutcome InHalves(const Position& before, Course& course);

  InnerMinimisation inner_;
  int order_;
  double tau_;
  std::unique_ptr<Proximity> proximity_;
  std::unique_ptr<Candidate> candidate_;
  SolverContext context_;
};

}  // namespace sliceflow::engine
