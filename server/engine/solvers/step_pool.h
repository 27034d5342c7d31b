// Samples of ρ_k and ρ_{k−1} for the iterations of a step that trains a whole model.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/models/model.h"
#include "server/engine/solvers/candidate.h"
#include "server/engine/solvers/solver.h"

namespace sliceflow::engine {

// Draws noise once a step and pushes it through the maps that stay, so that an iteration pays for the candidate's map alone. A step sees a sample
// of n rows in place of ever new ones, the next step another. Not thread-safe.
class StepPool {
 public:
  // Borrows `model`, which is not exact. `iterations` of `batch_size` is what a step takes.
  StepPool(const Model& model, int64_t iterations, int64_t batch_size);

  // `count` rows. The first call for a position fills the pool from `random`, so that the same calls give the same rows.
  Drawn Draw(const Position& before, int64_t count, at::Generator& random);

 private:
  void Fill(const Position& before, at::Generator& random);

  const Model& model_;
  const int64_t size_;
  at::Tensor position_;  // the parameters that the pool is of; held, so that no other tensor is the same
  Drawn all_;
};

}  // namespace sliceflow::engine
