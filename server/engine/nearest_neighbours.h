// The density of a cloud of particles, from the distances to their neighbours.
#pragma once

#include <ATen/core/Tensor.h>

namespace sliceflow::engine {

// Estimates of log ρ at particles x (float, n × d, n ≥ 2), of which they are a sample: ψ(k) − log(n−1) − log V_d − d log ε, ε the distance to
// the k-th neighbour, k = 3 (fewer where there are fewer others), V_d the volume of the unit ball. Their mean estimates ∫ρ log ρ without bias
// in the limit (Kozachenko & Leonenko 1987; Goria et al. 2005). At the first 2048 particles against all, so that a million take seconds:
// time 2048 · n · d, memory of one tile. Coinciding particles count as 1e-12 apart. Outside any graph; double.
at::Tensor NeighbourLogDensity(const at::Tensor& x);

}  // namespace sliceflow::engine
