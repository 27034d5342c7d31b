// JKO-ICNN's unknown: one more map of a growing chain.
#pragma once

#include "server/engine/flow_spec.h"
#include "server/engine/models/icnn.h"
#include "server/engine/solvers/candidate.h"
#include "server/engine/solvers/chain_pool.h"

namespace sliceflow::engine {

// ρ_{k+1} = (∇φ)♯ρ_k, φ an input-convex network: at any φ the map is the transport map, so E|∇φ(x) − x|² is W2²(ρ_{k+1}, ρ_k) itself
// (Brenier 1991). Begins at the link before, and near the identity in the first step. The links before are constants (Mokrov et al. 2021;
// Alvarez-Melis et al. 2021): their samples come from a pool, so that an iteration costs the same at every step.
class NextLink final : public Candidate {
 public:
  // Borrows `model`. `seed`: the flow's.
  NextLink(const Icnn& model, const InnerMinimisation& inner, uint64_t seed)
      : model_(model), seed_(seed), pool_(model, seed, inner.iterations, inner.batch_size) {}

  at::Tensor Start(const Position& before) const override;
  Drawn Draw(const Position& before, int64_t count, at::Generator& random) override;
  Batch Transport(const at::Tensor& leaf, const Drawn& drawn) const override { return model_.Push(leaf, drawn.last); }
  at::Tensor Parameters(const at::Tensor& leaf, const Position& before) const override;
  int64_t ParameterCount(int step) const override { return model_.link_size() * step; }

 private:
  const Icnn& model_;
  uint64_t seed_;
  ChainPool pool_;
};

}  // namespace sliceflow::engine
