#include "server/engine/solvers/optimizer.h"

#include <variant>

#include "server/engine/solvers/adam.h"
#include "server/engine/solvers/sgd.h"

namespace sliceflow::engine {
namespace {

// One line for each kind: a kind of OptimizerSpec without one does not compile.
struct Maker {
  int64_t parameters;

  std::unique_ptr<Optimizer> operator()(const AdamOptions& options) const { return std::make_unique<Adam>(parameters, options); }
  std::unique_ptr<Optimizer> operator()(const SgdOptions& options) const { return std::make_unique<Sgd>(parameters, options); }
};

}  // namespace

std::unique_ptr<Optimizer> MakeOptimizer(const OptimizerSpec& spec, int64_t parameters) { return std::visit(Maker{parameters}, spec); }

}  // namespace sliceflow::engine
