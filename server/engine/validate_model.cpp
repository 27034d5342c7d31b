#include "server/engine/validate_model.h"

#include <algorithm>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/engine/expressions/row_map.h"
#include "server/engine/flow.h"
#include "server/engine/models/generator_network.h"

namespace sliceflow::engine {
namespace {

struct ModelChecker {
  SpecChecker& check;
  const InitialSpec& initial;

  void operator()(const RealNvpModel& spec) const {
    check.AtLeast(spec.couplings, 1, "model.real_nvp.couplings");
    check.AtLeast(spec.hidden_width, 1, "model.real_nvp.hidden_width");
  }
  void operator()(const ParticlesModel& spec) const { check.AtLeast(static_cast<double>(spec.count), 1, "model.particles.count"); }
  void operator()(const IcnnModel& spec) const {
    check.AtLeast(spec.hidden_layers, 1, "model.icnn.hidden_layers");
    check.AtLeast(spec.hidden_width, 1, "model.icnn.hidden_width");
  }
  void operator()(const MlpModel& spec) const { Dense(spec, "model.mlp"); }
  void operator()(const DecoderModel& spec) const {
    Dense(spec, "model.decoder");
    check.Above(spec.upper, spec.lower, "model.decoder.upper");
  }
  void operator()(const CnnModel& spec) const {
    check.AtLeast(spec.noise_dimension, 1, "model.cnn.noise_dimension");
    check.AtLeast(spec.base_channels, 1, "model.cnn.base_channels");
    const bool whole = spec.height > 0 && spec.height % 4 == 0 && spec.width > 0 && spec.width % 4 == 0 && spec.channels > 0;
    check.Require(whole && int64_t{spec.height} * spec.width * spec.channels == check.dimension(), "model.cnn",
                  "must have sides that are multiples of 4 and, with the channels, multiply to the dimension");
    check.Above(spec.upper, spec.lower, "model.cnn.upper");
  }
  void operator()(const GeneratorModel& spec) const {
    check.AtLeast(spec.noise_dimension, 1, "model.generator.noise_dimension");
    check.Require(!spec.parameters.empty(), "model.generator.parameters", "are none");
    for (size_t i = 0; i < spec.parameters.size(); ++i) {
      const std::vector<int64_t>& shape = spec.parameters[i].shape;
      const std::string path = absl::StrCat("model.generator.parameters[", i, "]");
      check.Require(!shape.empty() && *std::min_element(shape.begin(), shape.end()) > 0, path + ".shape", "must have sides of at least 1");
      check.AtLeast(spec.parameters[i].initial_scale, 0, path + ".initial_scale");
    }
    if (!check.status().ok()) return;
    const RowMap::Result compiled = RowMap::Compile(spec.source, SignatureOf(spec, check.dimension()));
    if (const auto* refusal = std::get_if<ExpressionRefusal>(&compiled)) check.Refuse(*refusal, "model.generator.source");
  }

  template <typename Spec>
  void Dense(const Spec& spec, const std::string& path) const {
    check.AtLeast(spec.noise_dimension, 1, path + ".noise_dimension");
    check.AtLeast(spec.hidden_layers, 1, path + ".hidden_layers");
    check.AtLeast(spec.hidden_width, 1, path + ".hidden_width");
  }
  void operator()(const GridModel& grid) const {
    check.Require(check.dimension() <= 2, "model.grid", "needs dimension 1 or 2");
    check.Vector(grid.lower, "model.grid.lower");
    check.Vector(grid.upper, "model.grid.upper");
    check.AtLeast(static_cast<double>(grid.nodes), 2, "model.grid.nodes");
    check.Require(HasDensity(initial), "model.grid", "needs an initial distribution with a density");
    if (!check.status().ok()) return;
    for (size_t i = 0; i < grid.lower.size(); ++i) check.Above(grid.upper[i], grid.lower[i], absl::StrCat("model.grid.upper[", i, "]"));
  }
};

// The terms that are of rows, which are encoded, or of the model's density between codes.
bool HoldsBetweenCodes(const TermSpec& term) {
  return std::holds_alternative<SlicedWassersteinTerm>(term) || std::holds_alternative<GaussianMmdTerm>(term) ||
         std::holds_alternative<EnergyDistanceTerm>(term) || std::holds_alternative<InverseMultiquadricMmdTerm>(term) ||
         std::holds_alternative<EntropyTerm>(term);
}

bool Varies(const Table& table) {
  const std::vector<float>& values = table.values;
  return !std::equal(values.begin() + table.columns, values.end(), values.begin());
}

bool IsOfDecodedSamples(const MetricSpec& metric) {
  return std::holds_alternative<TargetDistanceMetric>(metric) || std::holds_alternative<RadiusMetric>(metric) ||
         std::holds_alternative<MomentsMetric>(metric) || std::holds_alternative<ModeCoverageMetric>(metric);
}

}  // namespace

bool HasDensity(const InitialSpec& initial) {
  return std::holds_alternative<Gaussian>(initial) || std::holds_alternative<GaussianMixture>(initial) ||
         std::holds_alternative<UniformBox>(initial);
}

void CheckModel(SpecChecker& check, const ModelSpec& model, const InitialSpec& initial) { std::visit(ModelChecker{check, initial}, model); }

void CheckLatentSpace(SpecChecker& check, const FlowSpec& spec) {
  if (!spec.latent.has_value()) return;
  const LatentSpace& latent = *spec.latent;
  check.Data(latent.table, spec.dimension, 2, "model.latent_flow.dataset");
  if (!check.status().ok()) return;
  check.Require(Varies(*latent.table), "model.latent_flow.dataset",
                "has rows that are all equal, which leaves nothing to encode; must have rows that differ");
  check.AtLeast(latent.dimension, 1, "model.latent_flow.latent_dimension");
  check.AtLeast(latent.hidden_width, 1, "model.latent_flow.hidden_width");
  check.AtLeast(latent.hidden_layers, 1, "model.latent_flow.hidden_layers");
  check.AtLeast(latent.training_iterations, 1, "model.latent_flow.training_iterations");
  check.AtLeast(static_cast<double>(latent.batch_size), 1, "model.latent_flow.batch_size");
  check.Require(HasDensity(spec.model), "model.latent_flow", "needs a model with a density between codes");
  for (size_t i = 0; i < spec.terms.size(); ++i) {
    check.Require(HoldsBetweenCodes(spec.terms[i].term), absl::StrCat("terms[", i, "]"), "has no meaning between codes");
  }
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    check.Require(IsOfDecodedSamples(spec.metrics[i]), absl::StrCat("metrics[", i, "]"), "has no meaning for decoded samples");
  }
}

}  // namespace sliceflow::engine
