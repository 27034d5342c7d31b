// The batch of noise that stays, at one vector of parameters after another.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/models/model.h"

namespace sliceflow::engine {

// Keeps the last few batches, so that one asked for again costs nothing, and of a model that grows only what was added is computed: the cost
// of following a chain does not grow with it. Equal, bit for bit, to the model's Transport in blocks of `block` rows. Of exact models, whose
// parameters are the batch, nothing is kept. Not thread-safe.
class FollowedBatch {
 public:
  // Borrows `model`.
  FollowedBatch(const Model& model, Noise noise, int64_t block);

  int64_t count() const { return noise_.z.size(0); }

  // At `parameters`, which are copied; outside any graph.
  Batch At(const at::Tensor& parameters);

 private:
  struct Known {
    at::Tensor parameters;
    Batch batch;
  };

  // The one whose parameters are the longest beginning of `parameters`; none: nullptr.
  const Known* Nearest(const at::Tensor& parameters) const;
  Batch Transport(const at::Tensor& parameters, const Noise& noise) const;

  const Model* model_;
  Noise noise_;
  int64_t block_;
  std::vector<Known> known_;  // newest last
};

}  // namespace sliceflow::engine
