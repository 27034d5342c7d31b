#include "server/jobs/memory_estimate.h"

#include <algorithm>
#include <cmath>

#include "common/ids.h"
#include "server/events/event_log.h"
#include "server/jobs/retention.h"

namespace sliceflow::jobs {
namespace {

constexpr double kAllowance = 32 << 20;
constexpr double kFloat = 4;
constexpr double kDouble = 8;
constexpr double kParameterCopies = 14;
constexpr double kCouplingParts = 8, kMostCouplingSums = 1 << 27;
constexpr double kActivationCopies = 2;
constexpr double kUntrainedCopies = 0.5;
constexpr double kTransportCopies = 6;
constexpr double kPointCopies = 12;
constexpr double kDataCopies = 2;
constexpr double kRegressionCopies = 4;
constexpr double kNeighbours = 16 << 20;
constexpr double kNodeCopies = 24;
constexpr double kReportedSamples = 4096;
constexpr double kHalvedFlows = 3;
// The pool of a chain and its images: server/engine/solvers/chain_pool.h.
constexpr double kPoolRows = 1 << 17;
constexpr double kPoolCopies = 5;
// Far above any machine, and far from where a double no longer fits an int64.
constexpr double kMost = 1e18;

// Parameters of a model (of one map of a chain), and the values that a sample leaves in its layers.
struct Sizes {
  double parameters = 0;
  double hidden = 0;
};

// Dense layers of equal width.
Sizes Dense(double in, double layers, double width, double out) {
  return {in * width + (layers - 1) * width * width + width * out + layers * width + out, in + 2 * layers * width + 2 * out};
}

Sizes OfRealNvp(const v1::RealNvp& model, double d) {
  const double couplings = model.couplings();
  const double width = model.hidden_width();
  return {couplings * (width * width + 2 * width * d + 2 * width + 2 * d + d * d), couplings * (2 * width + 3 * d)};
}

Sizes OfDecoder(const v1::Decoder& model, double d) {
  Sizes sizes;
  double before = model.noise_dimension();
  double width = model.hidden_width();
  sizes.hidden = before + 2 * d;
  for (int layer = 0; layer < model.hidden_layers(); ++layer, width *= 2) {
    sizes.parameters += (before + 1) * width;
    sizes.hidden += 2 * width;
    before = width;
  }
  sizes.parameters += (before + 1) * d;
  return sizes;
}

Sizes OfCnn(const v1::Cnn& model) {
  const double points = static_cast<double>(model.height()) * model.width();
  const double base = model.base_channels();
  const double coarse = 2 * base * points / 16;
  const double values = points * model.channels();
  // Convolutions lay their input out once more, for each place of the kernel.
  return {coarse * (model.noise_dimension() + 1) + 16 * base * (2 * base + model.channels()),
          model.noise_dimension() + 4 * coarse + 4 * base * points / 4 + 6 * values};
}

Sizes OfGenerator(const v1::Generator& model, double d) {
  Sizes sizes;
  for (const v1::GeneratorParameter& parameter : model.parameters()) {
    double entries = 1;
    for (const int side : parameter.shape()) entries *= side;
    sizes.parameters += entries;
    // What the source makes of a sample is not known: as of a dense layer of this parameter's last side.
    if (parameter.shape_size() > 0) sizes.hidden += 2.0 * parameter.shape(parameter.shape_size() - 1);
  }
  sizes.hidden += model.noise_dimension() + 2 * d;
  return sizes;
}

Sizes OfIcnn(const v1::Icnn& model, double d) {
  const double layers = model.hidden_layers();
  const double width = model.hidden_width();
  return {layers * width * (width + d + 1) + d * (d + 1), layers * width * (4 + 3 * d) + 3 * d * d};
}

Sizes SizesOf(const v1::FlowSpec& spec, double d) {
  const v1::Model& model = spec.model();
  if (model.has_particles()) return {d * model.particles().count(), 0};
  if (model.has_icnn()) return OfIcnn(model.icnn(), d);
  if (model.has_mlp()) return Dense(model.mlp().noise_dimension(), model.mlp().hidden_layers(), model.mlp().hidden_width(), d);
  if (model.has_cnn()) return OfCnn(model.cnn());
  if (model.has_decoder()) return OfDecoder(model.decoder(), d);
  if (model.has_generator()) return OfGenerator(model.generator(), d);
  if (model.has_latent_flow()) return OfRealNvp(model.latent_flow().real_nvp(), d);
  return OfRealNvp(model.real_nvp(), d);
}

// Sums over parts of a batch that the way back through couplings keeps.
double OfCouplingSums(const v1::FlowSpec& spec, const Sizes& sizes) {
  const bool has = spec.model().has_real_nvp() || spec.model().has_latent_flow();
  return has ? kFloat * std::min(kCouplingParts * sizes.parameters, kMostCouplingSums) : 0;
}

double Batch(const v1::FlowSpec& spec) {
  const v1::Solver& solver = spec.solver();
  const double all = spec.model().has_particles() ? spec.model().particles().count() : 0;
  const double batch = solver.sw_jko().batch_size() + solver.paired_jko().batch_size() + solver.jko_icnn().batch_size() +
                       solver.euler_maruyama().batch_size();
  return std::max(all, batch);
}

double Directions(const v1::FlowSpec& spec) {
  double most = spec.solver().sw_jko().num_projections();
  for (const v1::FunctionalTerm& term : spec.functional().terms()) {
    most = std::max<double>(most, term.sliced_wasserstein().num_projections());
  }
  return most;
}

double OfTerm(const v1::FlowSpec& spec, const v1::FunctionalTerm& term, double drawn,
              absl::FunctionRef<TableSize(const std::string&)> size_of) {
  if (term.has_entropy() || term.has_relative_entropy()) return spec.model().has_particles() ? kNeighbours : 0;
  if (!term.potential().has_bayesian_logistic_regression()) return 0;
  const double rows = static_cast<double>(size_of(term.potential().bayesian_logistic_regression().dataset()).rows);
  return kFloat * kRegressionCopies * rows * drawn;
}

double OfPool(const v1::FlowSpec& spec, double d) { return spec.solver().has_jko_icnn() ? kFloat * kPoolCopies * kPoolRows * (d + 1) : 0; }

double OfGrid(const v1::FlowSpec& spec) {
  if (!spec.model().has_grid()) return 0;
  return kDouble * kNodeCopies * std::pow(spec.model().grid().nodes(), spec.dimension());
}

double OfAutoEncoder(const v1::FlowSpec& spec) {
  if (!spec.model().has_latent_flow()) return 0;
  const v1::LatentFlow& model = spec.model().latent_flow();
  const double d = spec.dimension();
  const Sizes half = Dense(d, model.hidden_layers(), model.hidden_width(), model.latent_dimension());
  const double samples = std::max<double>(model.batch_size(), kReportedSamples);
  return kFloat * 2 * (kParameterCopies * half.parameters + kActivationCopies * half.hidden * samples);
}

}  // namespace

int64_t EstimateMemoryBytes(const v1::FlowSpec& spec, absl::FunctionRef<TableSize(const std::string& dataset)> size_of) {
  const double d = spec.model().has_latent_flow() ? spec.model().latent_flow().latent_dimension() : spec.dimension();
  const double batch = Batch(spec);
  const double drawn = spec.model().has_particles() ? batch : std::max(batch, kReportedSamples);
  const double samples = spec.output().samples_per_step();
  Sizes sizes = SizesOf(spec, d);
  if (spec.solver().has_jko_icnn()) {
    sizes.parameters *= StepsOf(spec.schedule());
  }
  double data = 0;
  for (const std::string& id : events::DatasetsOf(spec)) {
    const TableSize size = size_of(DatasetName(id));
    data += static_cast<double>(size.rows) * static_cast<double>(size.columns);
  }

  double flow = kFloat * kParameterCopies * sizes.parameters +
                kFloat * sizes.hidden * std::max(kActivationCopies * batch, kUntrainedCopies * drawn) +
                kFloat * kTransportCopies * Directions(spec) * batch + kFloat * kPointCopies * d * (drawn + samples) + OfGrid(spec) +
                OfPool(spec, d) + OfCouplingSums(spec, sizes);
  for (const v1::FunctionalTerm& term : spec.functional().terms()) flow += OfTerm(spec, term, drawn, size_of);
  if (spec.schedule().step_halving()) flow *= kHalvedFlows;
  const double bytes = kAllowance + flow + OfAutoEncoder(spec) + kFloat * kDataCopies * data;
  return static_cast<int64_t>(std::min(bytes, kMost));
}

}  // namespace sliceflow::jobs
