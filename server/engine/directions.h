// Random directions of sliced distances.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

namespace sliceflow::engine {

// `count` unit vectors, a float tensor of shape count × dimension, each uniform on the sphere.
//   dimension 1      one direction (the sliced distance is exact with it), whatever `count` says
//   dimension 2      equally spaced angles on the half circle with one random offset: θ and −θ give the same projection
//   up to 64         blocks of `dimension` orthonormal vectors (Rowland et al. 2019), which vary less than independent ones
//   above            independent: in high dimension they are nearly orthogonal anyway, and orthogonalising costs dimension² each
at::Tensor DrawDirections(int64_t count, int64_t dimension, at::Generator& random);

}  // namespace sliceflow::engine
