#include <type_traits>

#include "server/engine/checkpoint.h"

namespace sliceflow::engine {
namespace {

// FNV-1a over every field of a spec in a fixed order.
class Hasher {
 public:
  uint64_t result() const { return state_; }

  template <typename Number>
  requires std::is_arithmetic_v<Number>
  void Add(Number number) {
    const double wide = static_cast<double>(number);
    AddBytes(&wide, sizeof(wide));
  }
  void Add(uint64_t number) { AddBytes(&number, sizeof(number)); }
  void Add(const std::vector<double>& values) {
    Add(static_cast<uint64_t>(values.size()));
    AddBytes(values.data(), values.size() * sizeof(double));
  }
  void Add(const std::string& text) {
    Add(static_cast<uint64_t>(text.size()));
    AddBytes(text.data(), text.size());
  }
  void Add(const TablePtr& table) {
    Add(table->rows);
    Add(table->columns);
    AddBytes(table->values.data(), table->values.size() * sizeof(float));
  }
  void Add(const Gaussian& spec) { All(spec.mean, spec.covariance); }
  void Add(const GaussianMixture& spec) {
    Add(static_cast<uint64_t>(spec.components.size()));
    for (const WeightedGaussian& component : spec.components) All(component.weight, component.gaussian);
  }
  void Add(const UniformBox& spec) { All(spec.lower, spec.upper); }
  void Add(const Dirac& spec) { Add(spec.point); }
  void Add(const Ring& spec) { All(spec.center, spec.radius, spec.thickness); }
  void Add(const Empirical& spec) { Add(spec.table); }
  void Add(const QuadraticPotential& spec) { All(spec.center, spec.precision); }
  void Add(const GaussianMixturePotential& spec) { Add(spec.mixture); }
  void Add(const RingPotential& spec) { All(spec.center, spec.radius, spec.stiffness); }
  void Add(const BayesianLogisticRegressionPotential& spec) { All(spec.table, spec.train_fraction, spec.shuffle, spec.batch_size); }
  void Add(const DoubleWellPotential& spec) { All(spec.center, spec.distance, spec.depth, spec.stiffness); }
  void Add(const RosenbrockPotential& spec) { All(spec.a, spec.b, spec.scale); }
  void Add(const PowerLawInteraction& spec) { All(spec.attraction, spec.repulsion, spec.random_pairs); }
  void Add(const GaussianInteraction& spec) { All(spec.bandwidth, spec.random_pairs); }
  void Add(const MorseInteraction& spec) {
    All(spec.attraction, spec.attraction_length, spec.repulsion, spec.repulsion_length, spec.random_pairs);
  }
  void Add(const KellerSegelInteraction& spec) { All(spec.chi, spec.softening, spec.random_pairs); }
  void Add(const EntropyTerm& /*spec*/) {}
  void Add(const SlicedWassersteinTerm& spec) { All(spec.table, spec.num_projections); }
  void Add(const PorousMediumTerm& spec) { Add(spec.exponent); }
  void Add(const GaussianMmdTerm& spec) { All(spec.table, spec.bandwidth); }
  void Add(const EnergyDistanceTerm& spec) { Add(spec.table); }
  void Add(const InverseMultiquadricMmdTerm& spec) { All(spec.table, spec.scale); }
  void Add(const RelativeEntropyTerm& spec) { Add(spec.potential); }
  void Add(const ExpressionPotential& spec) { Add(spec.source); }
  void Add(const ExpressionInteraction& spec) { Add(spec.source); }
  void Add(const WeightedTerm& spec) { All(spec.weight, spec.term); }
  void Add(const RealNvpModel& spec) { All(spec.couplings, spec.hidden_width, spec.learned_linear); }
  void Add(const ParticlesModel& spec) { Add(spec.count); }
  void Add(const IcnnModel& spec) { All(spec.hidden_layers, spec.hidden_width); }
  void Add(const MlpModel& spec) { All(spec.noise_dimension, spec.hidden_layers, spec.hidden_width); }
  void Add(const DecoderModel& spec) { All(spec.noise_dimension, spec.hidden_layers, spec.hidden_width, spec.lower, spec.upper); }
  void Add(const CnnModel& spec) {
    All(spec.height, spec.width, spec.channels, spec.noise_dimension, spec.base_channels, spec.lower, spec.upper);
  }
  void Add(const GeneratorModel& spec) {
    All(spec.source, spec.noise_dimension, static_cast<uint64_t>(spec.parameters.size()));
    for (const GeneratorParameter& parameter : spec.parameters) {
      All(parameter.initial_scale, static_cast<uint64_t>(parameter.shape.size()));
      for (const int64_t side : parameter.shape) Add(side);
    }
  }
  void Add(const GridModel& spec) { All(spec.lower, spec.upper, spec.nodes); }
  void Add(const AdamOptions& spec) { All(spec.learning_rate, spec.beta1, spec.beta2); }
  void Add(const SgdOptions& spec) { All(spec.learning_rate, spec.momentum); }
  void Add(const InnerMinimisation& spec) {
    All(spec.iterations, spec.batch_size, spec.optimizer, static_cast<int>(spec.rate_schedule), spec.tolerance, spec.max_attempts);
  }
  void Add(const SwJkoSolver& spec) {
    All(spec.inner, spec.order, spec.num_projections, static_cast<int>(spec.projection_sampling), spec.control_variate,
        static_cast<int>(spec.variant));
  }
  void Add(const PairedJkoSolver& spec) { All(spec.inner, spec.order); }
  void Add(const EulerMaruyamaSolver& spec) { All(spec.inner_iterations, spec.batch_size); }
  void Add(const MalaSolver& spec) { Add(spec.inner_iterations); }
  void Add(const JkoIcnnSolver& spec) { Add(spec.inner); }
  void Add(const EntropicJkoSolver& spec) { All(spec.regularization, spec.inner_iterations, spec.tolerance); }
  void Add(const HeldOutPredictionMetric& /*spec*/) {}
  void Add(const RadiusMetric& /*spec*/) {}
  void Add(const ClosedFormMetric& /*spec*/) {}
  void Add(const TargetDistanceMetric& spec) { All(spec.table, spec.num_projections); }
  void Add(const RelativeEntropyToTargetMetric& spec) { Add(spec.target); }
  void Add(const ModeCoverageMetric& spec) { Add(spec.target); }
  void Add(const MomentsMetric& /*spec*/) {}
  void Add(const LatentSpace& spec) {
    All(spec.table, spec.dimension, spec.hidden_width, spec.hidden_layers, spec.training_iterations, spec.batch_size);
  }

  template <typename... Kinds>
  void Add(const std::variant<Kinds...>& spec) {
    Add(static_cast<uint64_t>(spec.index()));
    std::visit([this](const auto& kind) { Add(kind); }, spec);
  }

  template <typename... Fields>
  void All(const Fields&... fields) {
    (Add(fields), ...);
  }

 private:
  void AddBytes(const void* data, size_t size) {
    constexpr uint64_t kPrime = 0x100000001B3ull;
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (size_t i = 0; i < size; ++i) state_ = (state_ ^ bytes[i]) * kPrime;
  }

  uint64_t state_ = 0xCBF29CE484222325ull;
};

}  // namespace

uint64_t Fingerprint(const FlowSpec& spec) {
  Hasher hasher;
  hasher.All(spec.dimension, spec.initial, static_cast<uint64_t>(spec.terms.size()));
  for (const WeightedTerm& term : spec.terms) hasher.Add(term);
  hasher.All(spec.solver, spec.model, spec.sliced_step_size, spec.num_steps, spec.step_halving, static_cast<uint64_t>(spec.metrics.size()));
  for (const MetricSpec& metric : spec.metrics) hasher.Add(metric);
  hasher.Add(spec.seed);
  if (spec.latent.has_value()) hasher.Add(*spec.latent);
  if (spec.origin.has_value()) hasher.All(spec.origin->step, spec.origin->sliced_time);
  return hasher.result();
}

uint64_t StateFingerprint(const FlowSpec& spec) {
  Hasher hasher;
  hasher.All(spec.dimension, spec.initial, spec.model, spec.latent.has_value());
  if (spec.latent.has_value()) hasher.Add(*spec.latent);
  return hasher.result();
}

uint64_t CurveFingerprint(const FlowSpec& spec) {
  Hasher hasher;
  hasher.All(static_cast<uint64_t>(spec.terms.size()), spec.sliced_step_size);
  for (const WeightedTerm& term : spec.terms) hasher.Add(term);
  return hasher.result();
}

}  // namespace sliceflow::engine
