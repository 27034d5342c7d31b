#include "server/engine/solvers/next_link.h"

#include <ATen/ATen.h>

#include "server/engine/random.h"

namespace sliceflow::engine {

at::Tensor NextLink::Start(const Position& before) const {
  const int64_t size = model_.link_size();
  if (before.parameters.size(0) >= size) return before.parameters.narrow(0, before.parameters.size(0) - size, size);
  at::Generator random = MakeGenerator(seed_, Purpose::kInitialParameters);
  return model_.InitialLink(random);
}

Drawn NextLink::Draw(const Position& before, int64_t count, at::Generator& random) {
  return {.last = pool_.Draw(before.parameters, count, random)};
}

at::Tensor NextLink::Parameters(const at::Tensor& leaf, const Position& before) const { return at::cat({before.parameters, leaf}); }

}  // namespace sliceflow::engine
