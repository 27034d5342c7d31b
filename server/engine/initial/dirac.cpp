#include "server/engine/initial/dirac.h"

#include <ATen/ATen.h>

#include "server/engine/dense.h"

namespace sliceflow::engine {

DiracInitial::DiracInitial(const Dirac& dirac) : point_(ToTensor(ToVector(dirac.point))) {}

at::Tensor DiracInitial::Sample(int64_t count, at::Generator& /*random*/) const { return point_.expand({count, -1}).clone(); }

at::Tensor DiracInitial::deviation() const { return at::zeros_like(point_); }

}  // namespace sliceflow::engine
