#include "server/engine/solvers/registry.h"

#include <variant>

#include "server/engine/solvers/candidate.h"
#include "server/engine/solvers/concentration_proximity.h"
#include "server/engine/solvers/entropic_jko.h"
#include "server/engine/solvers/euler_maruyama.h"
#include "server/engine/solvers/mala.h"
#include "server/engine/solvers/max_sliced_proximity.h"
#include "server/engine/solvers/next_link.h"
#include "server/engine/solvers/paired_proximity.h"
#include "server/engine/solvers/proximal.h"
#include "server/engine/solvers/sliced_proximity.h"

namespace sliceflow::engine {
namespace {

// One line for each kind: a kind of SolverSpec without one does not compile.
struct Maker {
  const SolverContext& context;

  std::unique_ptr<Solver> operator()(const SwJkoSolver& spec) const {
    const double tau = spec.variant == SlicedVariant::kMaxSliced ? WassersteinStep() : context.sliced_step_size;
    return Proximal(spec.inner, spec.order, tau, Sliced(spec));
  }
  std::unique_ptr<Solver> operator()(const PairedJkoSolver& spec) const {
    return Proximal(spec.inner, spec.order, WassersteinStep(), std::make_unique<PairedProximity>(context.model.exact()));
  }
  std::unique_ptr<Solver> operator()(const EulerMaruyamaSolver& spec) const { return std::make_unique<EulerMaruyama>(spec, context); }
  std::unique_ptr<Solver> operator()(const MalaSolver& spec) const { return std::make_unique<Mala>(spec, context); }
  std::unique_ptr<Solver> operator()(const JkoIcnnSolver& spec) const {
    // The flow was validated: this solver has this model.
    auto candidate = std::make_unique<NextLink>(dynamic_cast<const Icnn&>(context.model), spec.inner, context.seed);
    return std::make_unique<ProximalSolver>(spec.inner, /*order=*/1, WassersteinStep(), std::make_unique<PairedProximity>(/*exact=*/false),
                                            std::move(candidate), context);
  }

  double WassersteinStep() const { return context.dimension * context.sliced_step_size; }
  std::unique_ptr<Solver> Proximal(const InnerMinimisation& inner, int order, double tau, std::unique_ptr<Proximity> proximity) const {
    return std::make_unique<ProximalSolver>(inner, order, tau, std::move(proximity), std::make_unique<WholeModel>(context.model), context);
  }
  std::unique_ptr<Proximity> Sliced(const SwJkoSolver& spec) const {
    switch (spec.variant) {
      case SlicedVariant::kSliced:
        return std::make_unique<SlicedProximity>(spec, context.dimension, context.seed);
      case SlicedVariant::kMaxSliced:
        return std::make_unique<MaxSlicedProximity>(spec.num_projections, context.dimension, context.seed);
      case SlicedVariant::kConcentration:
        return std::make_unique<ConcentrationProximity>();
    }
    return nullptr;
  }
  std::unique_ptr<Solver> operator()(const EntropicJkoSolver& spec) const { return std::make_unique<EntropicJko>(spec, context); }
};

// Other solvers work on particles or grids, which start exactly; they want nothing of this but a size of batches of data.
struct Inner {
  InnerMinimisation operator()(const SwJkoSolver& spec) const { return spec.inner; }
  InnerMinimisation operator()(const PairedJkoSolver& spec) const { return spec.inner; }
  InnerMinimisation operator()(const JkoIcnnSolver& spec) const { return spec.inner; }
  InnerMinimisation operator()(const EulerMaruyamaSolver& spec) const { return {.batch_size = spec.batch_size}; }
  InnerMinimisation operator()(const MalaSolver& /*spec*/) const { return {}; }
  InnerMinimisation operator()(const EntropicJkoSolver& /*spec*/) const { return {}; }
};

}  // namespace

std::unique_ptr<Solver> MakeSolver(const SolverSpec& spec, const SolverContext& context) { return std::visit(Maker{context}, spec); }

InnerMinimisation InnerOf(const SolverSpec& spec) { return std::visit(Inner{}, spec); }

}  // namespace sliceflow::engine
