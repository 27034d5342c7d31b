#include "server/engine/solvers/registry.h"

#include <variant>

#include "server/engine/solvers/entropic_jko.h"
#include "server/engine/solvers/euler_maruyama.h"
#include "server/engine/solvers/mala.h"
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
  std::unique_ptr<Solver> operator()(const EulerMaruyamaSolver& spec) const { return std::make_unique<EulerMaruyama>(spec, context); }
  std::unique_ptr<Solver> operator()(const MalaSolver& spec) const { return std::make_unique<Mala>(spec, context); }
  std::unique_ptr<Solver> operator()(const EntropicJkoSolver& spec) const { return std::make_unique<EntropicJko>(spec, context); }
};

// Other solvers work on particles or grids, which start exactly; they want nothing of this but a size of batches of data.
struct Inner {
  InnerMinimisation operator()(const SwJkoSolver& spec) const { return spec.inner; }
  InnerMinimisation operator()(const PairedJkoSolver& spec) const { return spec.inner; }
  InnerMinimisation operator()(const EulerMaruyamaSolver& spec) const { return {.batch_size = spec.batch_size}; }
  InnerMinimisation operator()(const MalaSolver& /*spec*/) const { return {}; }
  InnerMinimisation operator()(const EntropicJkoSolver& /*spec*/) const { return {}; }
};

}  // namespace

std::unique_ptr<Solver> MakeSolver(const SolverSpec& spec, const SolverContext& context) { return std::visit(Maker{context}, spec); }

InnerMinimisation InnerOf(const SolverSpec& spec) { return std::visit(Inner{}, spec); }

}  // namespace sliceflow::engine
