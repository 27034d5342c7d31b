#include "server/engine/initial/registry.h"

#include <ATen/ATen.h>

#include "server/engine/initial/dirac.h"
#include "server/engine/initial/empirical.h"
#include "server/engine/initial/gaussian_mixture.h"
#include "server/engine/initial/ring.h"
#include "server/engine/initial/uniform_box.h"

namespace sliceflow::engine {
namespace {

// One line for each kind: a kind of InitialSpec without one does not compile.
struct Maker {
  int dimension;

  using Made = std::unique_ptr<InitialDistribution>;
  Made operator()(const Gaussian& spec) const { return std::make_unique<MixtureInitial>(GaussianMixture{{{1, spec}}}, dimension); }
  Made operator()(const GaussianMixture& spec) const { return std::make_unique<MixtureInitial>(spec, dimension); }
  Made operator()(const UniformBox& spec) const { return std::make_unique<BoxInitial>(spec); }
  Made operator()(const Dirac& spec) const { return std::make_unique<DiracInitial>(spec); }
  Made operator()(const Ring& spec) const { return std::make_unique<RingInitial>(spec); }
  Made operator()(const Empirical& spec) const { return std::make_unique<EmpiricalInitial>(spec); }
};

}  // namespace

at::Tensor InitialDistribution::LogDensity(const at::Tensor& /*x*/) const {
  TORCH_CHECK(false, "this initial distribution has no density");
}

ScriptPart InitialDistribution::Script() const { TORCH_CHECK(false, "this initial distribution is no model's base"); }

std::unique_ptr<InitialDistribution> MakeInitial(const InitialSpec& spec, int dimension) { return std::visit(Maker{dimension}, spec); }

}  // namespace sliceflow::engine
