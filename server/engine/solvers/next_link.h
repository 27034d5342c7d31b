// JKO-ICNN's unknown: one more map of a growing chain.
#pragma once

#include "server/engine/models/icnn.h"
#include "server/engine/solvers/candidate.h"

namespace sliceflow::engine {

// ρ_{k+1} = (∇φ)♯ρ_k, φ an input-convex network: at any φ the map is the transport map, so E|∇φ(x) − x|² is W2²(ρ_{k+1}, ρ_k) itself
// (Brenier 1991). Begins at the link before, and near the identity in the first step. The links before are constants: an iteration's
// gradient goes through one link, its samples through all, so its cost grows with the step (Mokrov et al. 2021; Alvarez-Melis et al. 2021).
class NextLink final : public Candidate {
 public:
  // Borrows `model`. `seed`: the flow's.
  NextLink(const Icnn& model, uint64_t seed) : model_(model), seed_(seed) {}

  at::Tensor Start(const Position& before) const override;
  Batch Transport(const at::Tensor& leaf, const Noise& /*noise*/, const Batch& last) const override { return model_.Push(leaf, last); }
  at::Tensor Parameters(const at::Tensor& leaf, const Position& before) const override;
  int64_t ParameterCount(int step) const override { return model_.link_size() * step; }

 private:
  const Icnn& model_;
  uint64_t seed_;
};

}  // namespace sliceflow::engine
