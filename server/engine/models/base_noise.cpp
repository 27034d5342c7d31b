#include "server/engine/models/base_noise.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

Noise DrawBaseNoise(const InitialDistribution& base, int64_t count, bool paired, at::Generator& random) {
  const bool mirrored = paired && base.symmetric() && count % 2 == 0;
  const at::Tensor z = base.Sample(mirrored ? count / 2 : count, random);
  const at::Tensor log_density = base.LogDensity(z);
  if (!mirrored) return {.z = z, .log_density = log_density};
  return {.z = at::cat({z, 2 * base.mean() - z}), .log_density = at::cat({log_density, log_density})};
}

}  // namespace sliceflow::engine
