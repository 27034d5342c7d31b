// What a flow is made from, as plain structs: the engine's input. Free of LibTorch and of protobuf, so that both sides of the worker
// may include it. Names are those of the contract (proto/sliceflow/v1), which documents meaning, ranges and defaults; here only what
// differs is said. All vectors have the flow's dimension, all matrices dimension² entries in row-major order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sliceflow::engine {

// A data set in memory, shared by the flows that refer to it. Row-major, all values finite. Immutable once shared.
struct Table {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<float> values;
};
using TablePtr = std::shared_ptr<const Table>;

// Initial distributions.
struct Gaussian {
  std::vector<double> mean;
  std::vector<double> covariance;
};
struct WeightedGaussian {
  double weight = 1;
  Gaussian gaussian;
};
struct GaussianMixture {
  std::vector<WeightedGaussian> components;
};
struct UniformBox {
  std::vector<double> lower;
  std::vector<double> upper;
};
struct Dirac {
  std::vector<double> point;
};
struct Ring {
  std::vector<double> center;
  double radius = 1;
  double thickness = 0.1;
};
struct Empirical {
  TablePtr table;
};
using InitialSpec = std::variant<Gaussian, GaussianMixture, UniformBox, Dirac, Ring, Empirical>;

// Terms of the functional.
struct QuadraticPotential {
  std::vector<double> center;
  std::vector<double> precision;
};
struct GaussianMixturePotential {
  GaussianMixture mixture;
};
struct RingPotential {
  std::vector<double> center;
  double radius = 1;
  double stiffness = 10;
};
struct BayesianLogisticRegressionPotential {
  TablePtr table;  // last column: labels in {-1, 1} or {0, 1}
  double train_fraction = 0.8;
  bool shuffle = true;
  int64_t batch_size = 0;  // 0: all training rows
};
struct DoubleWellPotential {
  std::vector<double> center;
  double distance = 1;
  double depth = 1;
  double stiffness = 1;
};
struct RosenbrockPotential {
  double a = 1;
  double b = 100;
  double scale = 0.05;
};
// TorchScript source: see expressions/expression.h.
struct ExpressionPotential {
  std::string source;
};
using PotentialSpec = std::variant<QuadraticPotential, GaussianMixturePotential, RingPotential, BayesianLogisticRegressionPotential,
                                   DoubleWellPotential, RosenbrockPotential, ExpressionPotential>;
// random_pairs of interactions: 0 takes all pairs.
struct PowerLawInteraction {
  double attraction = 4;
  double repulsion = 2;
  int64_t random_pairs = 0;
};
struct GaussianInteraction {
  double bandwidth = 1;
  int64_t random_pairs = 0;
};
struct MorseInteraction {
  double attraction = 1;
  double attraction_length = 1;
  double repulsion = 2;
  double repulsion_length = 0.5;
  int64_t random_pairs = 0;
};
struct KellerSegelInteraction {
  double chi = 1;
  double softening = 0.001;
  int64_t random_pairs = 0;
};
struct ExpressionInteraction {
  std::string source;
};
struct EntropyTerm {};
struct SlicedWassersteinTerm {
  TablePtr table;
  int64_t num_projections = 1000;
};
struct PorousMediumTerm {
  double exponent = 2;
};
struct GaussianMmdTerm {
  TablePtr table;
  double bandwidth = 0;  // 0: the median distance between rows
};
struct EnergyDistanceTerm {
  TablePtr table;
};
struct InverseMultiquadricMmdTerm {
  TablePtr table;
  double scale = 0;  // 0: the median distance between rows
};
struct RelativeEntropyTerm {
  PotentialSpec potential;
};
using TermSpec = std::variant<QuadraticPotential, GaussianMixturePotential, RingPotential, BayesianLogisticRegressionPotential,
                              DoubleWellPotential, RosenbrockPotential, ExpressionPotential, PowerLawInteraction, GaussianInteraction,
                              MorseInteraction, KellerSegelInteraction, ExpressionInteraction, EntropyTerm, SlicedWassersteinTerm,
                              PorousMediumTerm, GaussianMmdTerm, EnergyDistanceTerm, InverseMultiquadricMmdTerm, RelativeEntropyTerm>;
struct WeightedTerm {
  double weight = 1;
  TermSpec term;
};

// Models.
struct RealNvpModel {
  int couplings = 5;
  int hidden_width = 100;
  bool learned_linear = true;
};
struct ParticlesModel {
  int64_t count = 1000;
};
struct IcnnModel {
  int hidden_layers = 2;
  int hidden_width = 64;
};
struct MlpModel {
  int noise_dimension = 0;
  int hidden_layers = 2;
  int hidden_width = 100;
};
struct DecoderModel {
  int noise_dimension = 32;
  int hidden_layers = 2;
  int hidden_width = 128;
  double lower = 0;
  double upper = 1;
};
struct CnnModel {
  int height = 0;
  int width = 0;
  int channels = 1;
  int noise_dimension = 64;
  int base_channels = 32;
  double lower = 0;
  double upper = 1;
};
struct GeneratorParameter {
  std::vector<int64_t> shape;
  double initial_scale = 0;
};
// TorchScript source: see expressions/row_map.h.
struct GeneratorModel {
  std::string source;
  int noise_dimension = 0;
  std::vector<GeneratorParameter> parameters;
};
struct GridModel {
  std::vector<double> lower;
  std::vector<double> upper;
  int64_t nodes = 200;  // along each axis
};
using ModelSpec = std::variant<RealNvpModel, ParticlesModel, IcnnModel, MlpModel, DecoderModel, CnnModel, GeneratorModel, GridModel>;

// Solvers.
struct AdamOptions {
  double learning_rate = 0.005;
  double beta1 = 0.9;
  double beta2 = 0.999;
};
struct SgdOptions {
  double learning_rate = 0.1;
  double momentum = 0.9;
};
using OptimizerSpec = std::variant<AdamOptions, SgdOptions>;
enum class RateSchedule { kCosine, kConstant };

// What the inner minimisations of all minimising solvers have in common.
struct InnerMinimisation {
  int iterations = 200;
  int64_t batch_size = 1024;
  OptimizerSpec optimizer;
  RateSchedule rate_schedule = RateSchedule::kCosine;
  double tolerance = 0;  // 0: by count only
  int max_attempts = 3;
};
enum class ProjectionSampling { kAutomatic, kIndependent, kOrthogonal, kQuasiMonteCarlo };
enum class SlicedVariant { kSliced, kMaxSliced, kConcentration };
struct SwJkoSolver {
  InnerMinimisation inner;
  int order = 1;
  int num_projections = 1000;
  ProjectionSampling projection_sampling = ProjectionSampling::kAutomatic;
  bool control_variate = false;
  SlicedVariant variant = SlicedVariant::kSliced;
};
struct PairedJkoSolver {
  InnerMinimisation inner;
  int order = 2;
};
struct EulerMaruyamaSolver {
  int inner_iterations = 100;
  int64_t batch_size = 1024;
};
struct MalaSolver {
  int inner_iterations = 100;
};
struct JkoIcnnSolver {
  InnerMinimisation inner;
};
struct EntropicJkoSolver {
  double regularization = 0.01;
  int inner_iterations = 1000;
  double tolerance = 1e-6;
};
using SolverSpec = std::variant<SwJkoSolver, PairedJkoSolver, EulerMaruyamaSolver, MalaSolver, JkoIcnnSolver, EntropicJkoSolver>;

// Metrics.
struct HeldOutPredictionMetric {};
struct RadiusMetric {};
struct ClosedFormMetric {};
struct TargetDistanceMetric {
  TablePtr table;
  int64_t num_projections = 500;
};
struct RelativeEntropyToTargetMetric {
  GaussianMixture target;
};
struct ModeCoverageMetric {
  GaussianMixture target;
};
struct MomentsMetric {};
using MetricSpec = std::variant<HeldOutPredictionMetric, RadiusMetric, ClosedFormMetric, TargetDistanceMetric,
                                RelativeEntropyToTargetMetric, ModeCoverageMetric, MomentsMetric>;

// The auto-encoder of the contract's `latent_flow`. Its model in the latent space is FlowSpec::model.
struct LatentSpace {
  TablePtr table;
  int dimension = 32;
  int hidden_width = 256;
  int hidden_layers = 2;
  int training_iterations = 2000;
  int64_t batch_size = 128;
};

// Where a fork's own steps begin: those up to `step` are of the flow it was forked from.
struct ForkOrigin {
  int step = 0;
  double sliced_time = 0;  // at that step; the fork's own step size counts from there
};

struct FlowSpec {
  int dimension = 0;
  InitialSpec initial;
  std::vector<WeightedTerm> terms;
  SolverSpec solver;
  ModelSpec model;
  double sliced_step_size =
      0;  // the step in the sliced clock: τ of SW-JKO; in the Wasserstein clock, τ of every other scheme, StateDimension times it
  int num_steps = 0;
  bool step_halving = false;
  std::vector<MetricSpec> metrics;
  uint64_t seed = 0;
  std::optional<LatentSpace> latent;  // where the flow runs in one: `initial` (but a data set) and `model` are in it, tables are not
  std::optional<ForkOrigin> origin;   // of a fork; `num_steps` counts from step 0 all the same
};

// The dimension that the flow runs in.
inline int StateDimension(const FlowSpec& spec) { return spec.latent.has_value() ? spec.latent->dimension : spec.dimension; }

}  // namespace sliceflow::engine
