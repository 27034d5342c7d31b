// A normalising flow of affine couplings, points and log-densities through all of its layers, and its derivative by the parameters.
//
// Points are worked on in panels of kPanel, as in sliced_kernels.h, so that vectors run across points and a product with a matrix needs no
// sum across a vector but for the matrix's own gradient. What the way back needs of the way there is written to a record.
#pragma once

#include <cstdint>

#include "server/engine/kernels/cpu/sliced_kernels.h"

namespace sliceflow::kernels {

// Points that one call works on, at most; a layer's weights stay in the cache for all of them, and so do their values between layers.
inline constexpr int64_t kFlowPoints = 16 * kPanel;

// x = mean + deviation · layers((z − mean)/deviation). Layers are `couplings` affine couplings (Dinh et al. 2017), each with a network of two
// hidden layers from the coordinates that stay, (raw, t) = W₃ tanh(W₂ tanh(W₁ u + b₁) + b₂) + b₃, and
//   v_kept = u_kept, v_moved = u_moved · exp(s) + t, s = c tanh(raw/c), log |det| = Σ s.
// `linear`: after each coupling v = L U u + shift with L unit lower triangular, U upper triangular with positive diagonal (Kingma & Dhariwal
// 2018, section 3.2). Without, coordinates are rolled by one before every second coupling and back at the end, so that the halves mix.
// Parameters lie one behind the other, coupling by coupling, matrices row-major: W₁ (hidden × kept), b₁, W₂ (hidden × hidden), b₂,
// W₃ (2 moved × hidden), b₃ and, where linear, a d × d matrix whose strictly lower part is L's, strictly upper part U's and diagonal the
// logarithm of U's, and the shift.
struct CouplingFlowShape {
  int64_t dimension = 0;  // d, at least 2
  int64_t hidden = 0;     // units of each hidden layer
  int64_t couplings = 0;
  bool linear = false;
  float scale_bound = 0;  // c

  static bool KeepsFirstHalf(int64_t coupling) { return coupling % 2 == 0; }
  bool Rolls(int64_t coupling) const { return !linear && dimension > 2 && coupling > 0 && coupling % 2 == 0; }
  int64_t Kept(int64_t coupling) const { return KeepsFirstHalf(coupling) ? dimension / 2 : dimension - dimension / 2; }
  int64_t Moved(int64_t coupling) const { return dimension - Kept(coupling); }
  // By which coordinates have been rolled before the end.
  int64_t total_roll() const { return !linear && dimension > 2 ? (couplings - 1) / 2 : 0; }
  // Of one coupling, its linear layer included; of all.
  int64_t NumParameters(int64_t coupling) const {
    const int64_t network = hidden * (Kept(coupling) + hidden + 2 + 2 * Moved(coupling)) + 2 * Moved(coupling);
    return network + (linear ? dimension * (dimension + 1) : 0);
  }
  int64_t num_parameters() const;

  // Sizes in floats: of what PrepareCouplingFlow writes; of the record of one panel, and with it of kFlowPoints; of a call's scratch.
  int64_t matrices_size() const { return linear ? 2 * dimension * dimension * couplings : 0; }
  int64_t coupling_record_size() const { return ((linear ? 3 : 1) * dimension + 2 * hidden + most_moved()) * kPanel; }
  int64_t record_size() const { return couplings * coupling_record_size(); }
  int64_t forward_scratch_size() const { return (coupling_record_size() / kPanel + 2 * most_moved() + dimension + 1) * kFlowPoints; }
  int64_t backward_scratch_size() const { return (2 * dimension + 2 * most_moved() + 2 * hidden + 1) * kFlowPoints; }

 private:
  int64_t most_moved() const { return dimension - dimension / 2; }
};

// What a flow of this shape is at certain parameters. Views only; mean and deviation have d entries.
struct CouplingFlowWeights {
  const float* parameters = nullptr;
  const float* matrices = nullptr;  // PrepareCouplingFlow's of these parameters
  const float* mean = nullptr;
  const float* deviation = nullptr;
};

// L and U of every linear layer, for all calls at these parameters. `matrices` takes matrices_size() floats.
void PrepareCouplingFlow(const CouplingFlowShape& shape, const float* parameters, float* matrices);

// Of `count` ≤ kFlowPoints points z with the log-densities `base`: x, and the log-densities there, base − Σ log |det|. z and x are
// row-major and do not overlap. `record` takes record_size() floats for each panel begun, or is null where no way back is wanted; `scratch`
// forward_scratch_size(). Both are aligned to 64 bytes. Nothing here allocates.
void CouplingFlowForward(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, const float* z, const float* base,
                         int64_t count, float* x, float* log_density, float* record, float* scratch);

// Adds the derivatives by the parameters to `by_parameters`, from those by x and by the log-densities (null: zero). `record` is what
// CouplingFlowForward left for the same points, `scratch` takes backward_scratch_size().
void CouplingFlowBackward(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, const float* record, const float* by_x,
                          const float* by_log_density, int64_t count, float* by_parameters, float* scratch);

}  // namespace sliceflow::kernels
