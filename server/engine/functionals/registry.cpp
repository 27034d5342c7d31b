#include "server/engine/functionals/registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/engine/functionals/entropy.h"
#include "server/engine/functionals/interaction.h"
#include "server/engine/functionals/interaction_expression.h"
#include "server/engine/functionals/mmd.h"
#include "server/engine/functionals/porous_medium.h"
#include "server/engine/functionals/potential_double_well.h"
#include "server/engine/functionals/potential_expression.h"
#include "server/engine/functionals/potential_gaussian_mixture.h"
#include "server/engine/functionals/potential_logistic_regression.h"
#include "server/engine/functionals/potential_quadratic.h"
#include "server/engine/functionals/potential_ring.h"
#include "server/engine/functionals/potential_rosenbrock.h"
#include "server/engine/functionals/radial_kernel.h"
#include "server/engine/functionals/relative_entropy.h"
#include "server/engine/functionals/sliced_wasserstein.h"

namespace sliceflow::engine {
namespace {

struct Entry {
  const char* kind;
  std::unique_ptr<Functional> functional;
};

// One line for each kind: a kind of TermSpec without one does not compile.
struct Maker {
  const TermContext& context;

  Entry operator()(const QuadraticPotential& spec) const { return {"potential.quadratic", std::make_unique<QuadraticFunctional>(spec)}; }
  Entry operator()(const GaussianMixturePotential& spec) const {
    return {"potential.gaussian_mixture", std::make_unique<GaussianMixtureFunctional>(spec, context.dimension)};
  }
  Entry operator()(const RingPotential& spec) const { return {"potential.ring", std::make_unique<RingFunctional>(spec)}; }
  Entry operator()(const BayesianLogisticRegressionPotential& spec) const {
    return {"potential.bayesian_logistic_regression", std::make_unique<LogisticRegressionFunctional>(spec, context.seed)};
  }
  Entry operator()(const DoubleWellPotential& spec) const {
    return {"potential.double_well", std::make_unique<DoubleWellFunctional>(spec)};
  }
  Entry operator()(const RosenbrockPotential& spec) const { return {"potential.rosenbrock", std::make_unique<RosenbrockFunctional>(spec)}; }
  Entry operator()(const PowerLawInteraction& spec) const {
    return {"interaction.power_law", Interaction(std::make_unique<PowerLawKernel>(spec.attraction, spec.repulsion), spec.random_pairs)};
  }
  Entry operator()(const GaussianInteraction& spec) const {
    return {"interaction.gaussian", Interaction(std::make_unique<GaussianKernel>(spec.bandwidth), spec.random_pairs)};
  }
  Entry operator()(const MorseInteraction& spec) const {
    return {"interaction.morse", Interaction(std::make_unique<MorseKernel>(spec), spec.random_pairs)};
  }
  Entry operator()(const KellerSegelInteraction& spec) const {
    return {"interaction.keller_segel", Interaction(std::make_unique<KellerSegelKernel>(spec.chi, spec.softening), spec.random_pairs)};
  }
  Entry operator()(const EntropyTerm& /*spec*/) const { return {"entropy", std::make_unique<EntropyFunctional>()}; }
  Entry operator()(const SlicedWassersteinTerm& spec) const {
    return {"sliced_wasserstein", std::make_unique<SlicedWassersteinFunctional>(spec, context.batch_size)};
  }
  Entry operator()(const PorousMediumTerm& spec) const { return {"porous_medium", std::make_unique<PorousMediumFunctional>(spec)}; }
  Entry operator()(const GaussianMmdTerm& spec) const {
    return {"mmd.gaussian", Mmd(spec.table, std::make_unique<GaussianKernel>(Length(spec.bandwidth, *spec.table)))};
  }
  Entry operator()(const EnergyDistanceTerm& spec) const {
    return {"mmd.energy_distance", Mmd(spec.table, std::make_unique<EnergyDistanceKernel>())};
  }
  Entry operator()(const InverseMultiquadricMmdTerm& spec) const {
    return {"mmd.inverse_multiquadric", Mmd(spec.table, std::make_unique<InverseMultiquadricKernel>(Length(spec.scale, *spec.table)))};
  }
  Entry operator()(const RelativeEntropyTerm& spec) const {
    return {"relative_entropy",
            std::make_unique<RelativeEntropyFunctional>(std::visit(*this, spec.potential).functional, KnownLogNormalizer(spec.potential))};
  }
  Entry operator()(const ExpressionPotential& spec) const {
    return {"potential.expression", std::make_unique<ExpressionPotentialFunctional>(spec, context.dimension)};
  }
  Entry operator()(const ExpressionInteraction& spec) const {
    return {"interaction.expression", std::make_unique<ExpressionInteractionFunctional>(spec, context.dimension)};
  }

  static std::unique_ptr<Functional> Interaction(std::unique_ptr<const RadialKernel> kernel, int64_t random_pairs) {
    return std::make_unique<InteractionFunctional>(std::move(kernel), random_pairs);
  }
  std::unique_ptr<Functional> Mmd(const TablePtr& table, std::unique_ptr<const RadialKernel> kernel) const {
    return std::make_unique<MmdFunctional>(table, std::move(kernel), context.batch_size, context.seed);
  }
  // The length of a kernel of MMD, with its default.
  double Length(double given, const Table& table) const { return given > 0 ? given : MedianDistance(table, context.seed); }
};

}  // namespace

std::unique_ptr<Functional> MakeFunctional(const TermSpec& spec, const TermContext& context) {
  return std::visit(Maker{context}, spec).functional;
}

std::vector<Term> MakeTerms(const std::vector<WeightedTerm>& specs, const TermContext& context) {
  std::vector<Term> terms;
  for (size_t i = 0; i < specs.size(); ++i) {
    Entry entry = std::visit(Maker{context}, specs[i].term);
    terms.push_back(
        {.weight = specs[i].weight, .name = absl::StrCat("terms[", i, "].", entry.kind), .functional = std::move(entry.functional)});
  }
  return terms;
}

}  // namespace sliceflow::engine
