#include "server/engine/solvers/registry.h"

#include <variant>

#include "server/engine/solvers/paired_proximity.h"
#include "server/engine/solvers/proximal.h"
#include "server/engine/solvers/sliced_proximity.h"

namespace sliceflow::engine {
namespace {

// One line for each kind: a kind of SolverSpec without one does not compile.
struct Maker {
  const SolverContext& context;

  std::unique_ptr<Solver> operator()(const SwJkoSolver& spec) const {
    auto proximity = std::make_unique<SlicedProximity>(spec, context.dimension, context.seed);
    return std::make_unique<ProximalSolver>(spec.inner, spec.order, context.sliced_step_size, std::move(proximity), context);
  }
  std::unique_ptr<Solver> operator()(const PairedJkoSolver& spec) const {
    auto proximity = std::make_unique<PairedProximity>(context.model.exact());
    const double tau = context.dimension * context.sliced_step_size;
    return std::make_unique<ProximalSolver>(spec.inner, spec.order, tau, std::move(proximity), context);
  }
};

}  // namespace

std::unique_ptr<Solver> MakeSolver(const SolverSpec& spec, const SolverContext& context) { return std::visit(Maker{context}, spec); }

const InnerMinimisation& InnerOf(const SolverSpec& spec) {
  return std::visit([](const auto& kind) -> const InnerMinimisation& { return kind.inner; }, spec);
}

}  // namespace sliceflow::engine
