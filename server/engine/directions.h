// Random directions of sliced distances.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// `count` unit vectors, a float tensor of shape count × dimension, each uniform on the sphere. In one dimension always a single direction,
// with which the sliced distance is exact.
//   kAutomatic         equally spaced angles in the plane, orthogonal blocks up to dimension 64, independent above, where directions are
//                      nearly orthogonal anyway and orthogonalising costs dimension² each
//   kIndependent       independent of each other
//   kOrthogonal        blocks of `dimension` orthonormal vectors (Rowland et al. 2019), which vary less than independent ones
//   kQuasiMonteCarlo   in the plane equally spaced angles on the half circle with one random offset (θ and −θ give the same projection);
//                      above, points of a scrambled Sobol sequence (Owen 1998), through the normal quantiles to the sphere
at::Tensor DrawDirections(ProjectionSampling sampling, int64_t count, int64_t dimension, at::Generator& random);

}  // namespace sliceflow::engine
