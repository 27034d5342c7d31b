// Samples of ρ_k for the iterations of a step that adds a link to a chain.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/models/followed_batch.h"
#include "server/engine/models/icnn.h"

namespace sliceflow::engine {

// Draws from the base once in a flow and pushes all of them through one link a step, so that neither an iteration nor a step costs more at
// the end of a long chain than at its beginning. What a step sees of ρ_k is then this sample, not ρ_k: with n of them means are off by the
// deviation/√n (by less where the base is symmetric, as the pool then is) and the symmetric KL of a Gaussian fitted to them by d(d+3)/(4n),
// 3·10⁻⁴ for d = 12 and the largest pool. Not thread-safe.
class ChainPool {
 public:
  // Borrows `model`. `iterations` of `batch_size` is what a step takes from it: the pool has a quarter of that, within bounds of its own.
  ChainPool(const Icnn& model, uint64_t seed, int64_t iterations, int64_t batch_size);

  // `count` rows of ρ_k with their log-densities, at the parameters of ρ_k. An even count is of mirrored pairs where the base is symmetric.
  Batch Draw(const at::Tensor& parameters, int64_t count, at::Generator& random);

 private:
  FollowedBatch followed_;
};

}  // namespace sliceflow::engine
