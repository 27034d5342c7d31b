#include "server/engine/models/registry.h"

#include <utility>

#include <ATen/ATen.h>

#include "server/engine/dense.h"
#include "server/engine/flow.h"
#include "server/engine/initial/gaussian_mixture.h"
#include "server/engine/models/dense_networks.h"
#include "server/engine/models/generator_network.h"
#include "server/engine/models/grid_density.h"
#include "server/engine/models/icnn.h"
#include "server/engine/models/image_network.h"
#include "server/engine/models/particles.h"
#include "server/engine/models/pushforward.h"
#include "server/engine/models/real_nvp.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kMomentSamples = 20000;

// The Gaussian with ρ₀'s mean and covariance, widened so that it has a density.
std::shared_ptr<const InitialDistribution> GaussianBase(const InitialDistribution& initial, int dimension, double least_deviation,
                                                        at::Generator& random) {
  const Moments moments = MomentsOf(initial.Sample(kMomentSamples, random));
  const Eigen::MatrixXd covariance =
      moments.covariance + least_deviation * least_deviation * Eigen::MatrixXd::Identity(dimension, dimension);
  Gaussian gaussian{.mean = {moments.mean.begin(), moments.mean.end()},
                    .covariance = {covariance.reshaped().begin(), covariance.reshaped().end()}};
  return std::make_shared<MixtureInitial>(GaussianMixture{{{1, std::move(gaussian)}}}, dimension);
}

// Widened where ρ₀ may be flat.
Units UnitsOf(const InitialDistribution& initial, double least_deviation) {
  if (initial.has_density()) return {initial.mean(), initial.deviation()};
  return {initial.mean(), (initial.deviation().square() + least_deviation * least_deviation).sqrt()};
}

// One line for each kind: a kind of ModelSpec without one does not compile.
struct Maker {
  const SolverSpec& solver;
  int dimension;
  std::shared_ptr<const InitialDistribution> initial;
  double least_deviation;
  at::Generator& random;

  std::unique_ptr<Model> operator()(const RealNvpModel& spec) const {
    return std::make_unique<RealNvp>(spec, dimension, Base(), initial->has_density());
  }
  std::unique_ptr<Model> operator()(const ParticlesModel& spec) const { return std::make_unique<ParticlesCloud>(spec, dimension, initial); }
  std::unique_ptr<Model> operator()(const IcnnModel& spec) const {
    const int links = std::holds_alternative<JkoIcnnSolver>(solver) ? 0 : 1;
    return std::make_unique<Icnn>(spec, dimension, Base(), initial->has_density(), links);
  }

  // ρ₀ itself where it has a density.
  std::shared_ptr<const InitialDistribution> Base() const {
    return initial->has_density() ? initial : GaussianBase(*initial, dimension, least_deviation, random);
  }
  std::unique_ptr<Model> operator()(const MlpModel& spec) const {
    return std::make_unique<Pushforward>(std::make_unique<MlpNetwork>(spec, dimension, UnitsOf(*initial, least_deviation)));
  }
  std::unique_ptr<Model> operator()(const DecoderModel& spec) const {
    return std::make_unique<Pushforward>(std::make_unique<DecoderNetwork>(spec, dimension, initial->mean()));
  }
  std::unique_ptr<Model> operator()(const CnnModel& spec) const {
    return std::make_unique<Pushforward>(std::make_unique<ImageNetwork>(spec, initial->mean()));
  }
  std::unique_ptr<Model> operator()(const GeneratorModel& spec) const {
    return std::make_unique<Pushforward>(std::make_unique<GeneratorNetwork>(spec, dimension));
  }
  std::unique_ptr<Model> operator()(const GridModel& spec) const { return std::make_unique<GridDensity>(spec, initial); }
};

struct DensityOf {
  bool operator()(const RealNvpModel& /*spec*/) const { return true; }
  bool operator()(const ParticlesModel& /*spec*/) const { return false; }
  bool operator()(const IcnnModel& /*spec*/) const { return true; }
  bool operator()(const MlpModel& /*spec*/) const { return false; }
  bool operator()(const DecoderModel& /*spec*/) const { return false; }
  bool operator()(const CnnModel& /*spec*/) const { return false; }
  bool operator()(const GeneratorModel& /*spec*/) const { return false; }
  bool operator()(const GridModel& /*spec*/) const { return true; }
};

}  // namespace

std::unique_ptr<Model> MakeModel(const ModelSpec& spec, const SolverSpec& solver, int dimension,
                                 std::shared_ptr<const InitialDistribution> initial, double least_deviation, at::Generator& random) {
  return std::visit(Maker{solver, dimension, std::move(initial), least_deviation, random}, spec);
}

bool HasDensity(const ModelSpec& model) { return std::visit(DensityOf{}, model); }

}  // namespace sliceflow::engine
