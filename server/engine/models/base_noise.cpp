#include "server/engine/models/base_noise.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

Noise DrawBaseNoise(const InitialDistribution& base, int64_t count, bool paired, at::Generator& random) {
  Noise noise;
  if (paired && base.symmetric() && count % 2 == 0) {
    const at::Tensor half = base.Sample(count / 2, random);
    noise.z = at::cat({half, 2 * base.mean() - half});
  } else {
    noise.z = base.Sample(count, random);
  }
  noise.log_density = base.LogDensity(noise.z);
  return noise;
}

}  // namespace sliceflow::engine
