#include "server/engine/models/registry.h"

#include <utility>

#include "server/engine/dense.h"
#include "server/engine/flow.h"
#include "server/engine/initial/gaussian_mixture.h"
#include "server/engine/models/grid_density.h"
#include "server/engine/models/particles.h"
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

// One line for each kind: a kind of ModelSpec without one does not compile.
struct Maker {
  int dimension;
  std::shared_ptr<const InitialDistribution> initial;
  double least_deviation;
  at::Generator& random;

  std::unique_ptr<Model> operator()(const RealNvpModel& spec) const {
    const bool exact = initial->has_density();
    return std::make_unique<RealNvp>(spec, dimension, exact ? initial : GaussianBase(*initial, dimension, least_deviation, random), exact);
  }
  std::unique_ptr<Model> operator()(const ParticlesModel& spec) const { return std::make_unique<ParticlesCloud>(spec, dimension, initial); }
  std::unique_ptr<Model> operator()(const GridModel& spec) const { return std::make_unique<GridDensity>(spec, initial); }
};

struct DensityOf {
  bool operator()(const RealNvpModel& /*spec*/) const { return true; }
  bool operator()(const ParticlesModel& /*spec*/) const { return false; }
  bool operator()(const GridModel& /*spec*/) const { return true; }
};

}  // namespace

std::unique_ptr<Model> MakeModel(const ModelSpec& spec, int dimension, std::shared_ptr<const InitialDistribution> initial,
                                 double least_deviation, at::Generator& random) {
  return std::visit(Maker{dimension, std::move(initial), least_deviation, random}, spec);
}

bool HasDensity(const ModelSpec& model) { return std::visit(DensityOf{}, model); }

}  // namespace sliceflow::engine
