#include "server/engine/functionals/registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/engine/functionals/entropy.h"
#include "server/engine/functionals/interaction_power_law.h"
#include "server/engine/functionals/potential_gaussian_mixture.h"
#include "server/engine/functionals/potential_logistic_regression.h"
#include "server/engine/functionals/potential_quadratic.h"
#include "server/engine/functionals/potential_ring.h"
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
  Entry operator()(const PowerLawInteraction& spec) const { return {"interaction.power_law", std::make_unique<PowerLawFunctional>(spec)}; }
  Entry operator()(const EntropyTerm& /*spec*/) const { return {"entropy", std::make_unique<EntropyFunctional>()}; }
  Entry operator()(const SlicedWassersteinTerm& spec) const {
    return {"sliced_wasserstein", std::make_unique<SlicedWassersteinFunctional>(spec, context.batch_size)};
  }
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
