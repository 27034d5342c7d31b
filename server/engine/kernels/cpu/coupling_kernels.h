// An affine coupling and its derivative in one pass over the points, with the network's hidden values kept for the way back.
//
// The network has two hidden layers with tanh: out = W₃ tanh(W₂ tanh(W₁ x + b₁) + b₂) + b₃, matrices row-major, x the coordinates that stay;
// out holds what scales the `moved` coordinates and then what shifts them. Points are worked on in panels of kPanel, as in sliced_kernels.h,
// so that vectors run across points and a product with a matrix needs no sum across a vector but for the matrix's own gradient.
#pragma once

#include <cstdint>

#include "server/engine/kernels/cpu/sliced_kernels.h"

namespace sliceflow::kernels {

// Points that one call works on; their hidden values stay in the cache between layers.
inline constexpr int64_t kCouplingPoints = 8 * kPanel;

struct CouplingShape {
  int64_t kept = 0;    // coordinates that stay, at least 1
  int64_t moved = 0;   // coordinates that are scaled and shifted, at least 1
  int64_t hidden = 0;  // units of each hidden layer
  bool first_kept = true;
  float scale_bound = 0;  // c in s = c tanh(out/c)

  int64_t dimension() const { return kept + moved; }
  // Floats that the forward pass keeps for each panel: the points, both hidden layers, s.
  int64_t record_size() const { return (dimension() + 2 * hidden + moved) * kPanel; }
  // Floats that a call needs besides: forward for a panel at a time, back for all of its points.
  int64_t forward_scratch_size() const { return 2 * moved * kPanel; }
  int64_t backward_scratch_size() const { return (dimension() + 2 * moved + 2 * hidden) * kCouplingPoints; }
};

// W₁ (hidden × kept), b₁, W₂ (hidden × hidden), b₂, W₃ (2 moved × hidden), b₃; Float is const float, or float for their gradients.
template <class Float>
struct CouplingNetwork {
  Float* w1 = nullptr;
  Float* b1 = nullptr;
  Float* w2 = nullptr;
  Float* b2 = nullptr;
  Float* w3 = nullptr;
  Float* b3 = nullptr;
};

// v_kept = u_kept, v_moved = u_moved · exp(s) + t, log_determinant = Σ s for `count` ≤ kCouplingPoints points, u and v row-major.
// `record` takes record_size() floats for each panel begun, `scratch` forward_scratch_size() in all; both are aligned as
// hwy::AllocateAligned does. Nothing here allocates.
void CouplingForward(const CouplingShape& shape, const CouplingNetwork<const float>& network, const float* u, int64_t count, float* v,
                     float* log_determinant, float* record, float* scratch);

// From the derivatives by v and by the log-determinants to those by u, which are written, and by the network, which are added. `record` is
// what CouplingForward left for the same points, `scratch` takes backward_scratch_size().
void CouplingBackward(const CouplingShape& shape, const CouplingNetwork<const float>& network, const float* record, const float* by_v,
                      const float* by_log_determinant, int64_t count, float* by_u, const CouplingNetwork<float>& by_network,
                      float* scratch);

}  // namespace sliceflow::kernels
