// What of a flow's position a minimising step trains.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/models/model.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

// What an iteration begins with, outside any graph.
struct Drawn {
  Noise noise;             // what candidates are made from; empty where that is `last` itself
  Batch last;              // of ρ_k, from that noise
  at::Tensor second_last;  // samples of ρ_{k−1} from that noise; undefined where there is no ρ_{k−1}
};

// ρ as a function of the tensor that the optimizer moves, the leaf.
class Candidate {
 public:
  virtual ~Candidate() = default;

  // Where a step's minimisation begins.
  virtual at::Tensor Start(const Position& before) const = 0;

  // `count` samples, where the model is not exact.
  virtual Drawn Draw(const Position& before, int64_t count, at::Generator& random) = 0;

  // The batch at `leaf`, in its graph.
  virtual Batch Transport(const at::Tensor& leaf, const Drawn& drawn) const = 0;

  // The model's parameters at `leaf`.
  virtual at::Tensor Parameters(const at::Tensor& leaf, const Position& before) const = 0;

  // How many those are after `step` steps.
  virtual int64_t ParameterCount(int step) const = 0;
};

// All parameters of the model, warm-started where they were.
class WholeModel final : public Candidate {
 public:
  // Borrows `model`.
  explicit WholeModel(const Model& model) : model_(model) {}

  at::Tensor Start(const Position& before) const override { return before.parameters; }
  Drawn Draw(const Position& before, int64_t count, at::Generator& random) override;
  Batch Transport(const at::Tensor& leaf, const Drawn& drawn) const override { return model_.Transport(leaf, drawn.noise); }
  at::Tensor Parameters(const at::Tensor& leaf, const Position& /*before*/) const override { return leaf; }
  int64_t ParameterCount(int /*step*/) const override { return model_.num_parameters(); }

 private:
  const Model& model_;
};

}  // namespace sliceflow::engine
