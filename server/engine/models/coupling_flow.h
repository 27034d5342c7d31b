// The couplings of RealNVP as one node of LibTorch's graph.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "server/engine/functionals/functional.h"
#include "server/engine/kernels/cpu/coupling_flow.h"
#include "server/engine/models/model.h"

namespace sliceflow::engine {

class CouplingPasses;

// Points and log-densities through a kernels::CouplingFlowShape. The way back is written out; what it needs is kept in room that calls hand on
// to each other, so that calls of one size take none anew. Thread-safe. The same bits whatever the number of threads.
class CouplingFlow {
 public:
  // `mean`, `deviation`: float, d: the units that layers work in.
  CouplingFlow(const kernels::CouplingFlowShape& shape, at::Tensor mean, at::Tensor deviation);

  // `parameters` as the shape orders them, flat. Part of their graph when they want gradients; noise gets none.
  Batch Push(const at::Tensor& parameters, const Noise& noise) const;

 private:
  std::shared_ptr<CouplingPasses> passes_;  // shared with graphs, which may outlive this
};

}  // namespace sliceflow::engine
