// What of a flow's position a minimising step trains.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "server/engine/models/model.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

// ρ as a function of the tensor that the optimizer moves, the leaf.
class Candidate {
 public:
  virtual ~Candidate() = default;

  // Where a step's minimisation begins.
  virtual at::Tensor Start(const Position& before) const = 0;

  // The batch at `leaf`, in its graph. `last`: the batch of the position before from the same noise.
  virtual Batch Transport(const at::Tensor& leaf, const Noise& noise, const Batch& last) const = 0;

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
  Batch Transport(const at::Tensor& leaf, const Noise& noise, const Batch& /*last*/) const override {
    return model_.Transport(leaf, noise);
  }
  at::Tensor Parameters(const at::Tensor& leaf, const Position& /*before*/) const override { return leaf; }
  int64_t ParameterCount(int /*step*/) const override { return model_.num_parameters(); }

 private:
  const Model& model_;
};

}  // namespace sliceflow::engine
