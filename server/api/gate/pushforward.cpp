// Models that send noise through a network.
#include <algorithm>

#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

constexpr int kReportedSamples = 4096;  // of the batch that every report draws at once
constexpr int kMaxParameters = 64;
constexpr int kMaxSides = 4;
constexpr int64_t kMaxEntries = 4'194'304;  // of one tensor of a generator: what one tensor of an expression may have

// Memory that no single field bounds: parameters, and the values that a sample leaves in the noise and in the layers. `field` is what the
// user can make smaller.
void BoundNetwork(Context& context, const std::string& field, double parameters, double hidden_values) {
  if (context.dimension == 0) return;
  const auto most_parameters = static_cast<double>(context.limits.max_model_parameters);
  if (parameters > most_parameters) {
    context.findings.BeyondLimit(field, absl::StrCat("the network's sizes and the dimension together make about ", parameters,
                                                     " parameters; this server takes ", context.limits.max_model_parameters));
    return;
  }
  const auto most_values = static_cast<double>(context.limits.max_hidden_values);
  if (hidden_values * kReportedSamples > most_values) {
    context.findings.BeyondLimit(
        field, absl::StrCat("the network's sizes make ", hidden_values, " values in the layers of a sample, of which ", kReportedSamples,
                            " are drawn at once; this server takes ", context.limits.max_hidden_values, " together"));
    return;
  }
  context.hidden_values = hidden_values;
}

template <typename Model>
void CheckNoise(Context& context, const std::string& path, Model& model, int default_dimension) {
  if (!model.has_noise_dimension()) model.set_noise_dimension(default_dimension);
  if (default_dimension == 0 && model.noise_dimension() == 0) return;  // the flow's own is wrong
  CheckCount(context, absl::StrCat(path, ".noise_dimension"), model.noise_dimension(), 1, context.limits.max_dimension);
}

template <typename Model>
void CheckRange(Context& context, const std::string& path, Model& model) {
  if (!model.has_lower()) model.set_lower(0);
  if (!model.has_upper()) model.set_upper(1);
  CheckNumber(context.findings, absl::StrCat(path, ".lower"), model.lower());
  if (!std::isfinite(model.lower())) return;
  CheckNumber(context.findings, absl::StrCat(path, ".upper"), model.upper(), Above(model.lower()));
}

void CheckMlp(Context& context, const std::string& path, v1::Mlp& model) {
  CheckNoise(context, path, model, context.dimension);
  if (!model.has_hidden_layers()) model.set_hidden_layers(2);
  if (!model.has_hidden_width()) model.set_hidden_width(100);
  CheckCount(context, absl::StrCat(path, ".hidden_layers"), model.hidden_layers(), 1, 16);
  CheckCount(context, absl::StrCat(path, ".hidden_width"), model.hidden_width(), 1, 4096);
  const double width = model.hidden_width();
  const double noise = model.noise_dimension();
  const double dimension = context.dimension;
  BoundNetwork(context, absl::StrCat(path, ".hidden_width"),
               noise * (width + dimension) + (model.hidden_layers() - 1) * width * width + width * dimension,
               noise + 2 * width * model.hidden_layers() + 2 * dimension);
}

void CheckDecoder(Context& context, const std::string& path, v1::Decoder& model) {
  CheckNoise(context, path, model, 32);
  if (!model.has_hidden_layers()) model.set_hidden_layers(2);
  if (!model.has_hidden_width()) model.set_hidden_width(128);
  CheckCount(context, absl::StrCat(path, ".hidden_layers"), model.hidden_layers(), 1, 6);
  CheckCount(context, absl::StrCat(path, ".hidden_width"), model.hidden_width(), 1, 4096);
  CheckRange(context, path, model);
  double before = model.noise_dimension();
  double width = model.hidden_width();
  double parameters = 0;
  double hidden_values = before;
  for (int layer = 0; layer < std::min(model.hidden_layers(), 6); ++layer, width *= 2) {
    parameters += before * width;
    hidden_values += 2 * width;
    before = width;
  }
  BoundNetwork(context, absl::StrCat(path, ".hidden_width"), parameters + before * context.dimension,
               hidden_values + 2.0 * context.dimension);
}

void CheckSide(Context& context, const std::string& field, int side) {
  if (side < 4 || side % 4 != 0) context.findings.Invalid(field, absl::StrCat("must be a multiple of 4, at least 4, is ", side));
}

void CheckCnn(Context& context, const std::string& path, v1::Cnn& model) {
  if (!model.has_channels()) model.set_channels(1);
  if (!model.has_base_channels()) model.set_base_channels(32);
  CheckNoise(context, path, model, 64);
  CheckSide(context, absl::StrCat(path, ".height"), model.height());
  CheckSide(context, absl::StrCat(path, ".width"), model.width());
  CheckCount(context, absl::StrCat(path, ".channels"), model.channels(), 1, context.limits.max_dimension);
  CheckCount(context, absl::StrCat(path, ".base_channels"), model.base_channels(), 1, 512);
  CheckRange(context, path, model);
  const double points = static_cast<double>(model.height()) * model.width();
  const double values = points * model.channels();
  const bool sides = model.height() >= 4 && model.width() >= 4 && model.channels() >= 1;
  if (context.dimension > 0 && sides && values != context.dimension) {
    context.findings.Invalid(path,
                             absl::StrCat("must have height · width · channels = ", context.dimension, ", the dimension; has ", values));
    return;
  }
  const double base = model.base_channels();
  const double coarse = 2 * base * points / 16;
  BoundNetwork(context, absl::StrCat(path, ".base_channels"), coarse * model.noise_dimension() + 16 * base * (2 * base + model.channels()),
               model.noise_dimension() + 2 * coarse + 2 * base * points / 4 + 3 * values);
}

// The entries of a parameter; 0 where it is wrong.
double CheckParameter(Findings& findings, const std::string& path, v1::GeneratorParameter& parameter) {
  if (!parameter.has_initial_scale()) parameter.set_initial_scale(parameter.shape_size() > 1 ? 1 : 0);
  CheckNumber(findings, absl::StrCat(path, ".initial_scale"), parameter.initial_scale(), AtLeast(0));
  const std::string field = absl::StrCat(path, ".shape");
  if (parameter.shape_size() < 1 || parameter.shape_size() > kMaxSides) {
    findings.Invalid(field, absl::StrCat("must have between 1 and ", kMaxSides, " sides, has ", parameter.shape_size()));
    return 0;
  }
  double entries = 1;
  for (int i = 0; i < parameter.shape_size(); ++i) {
    if (parameter.shape(i) < 1) {
      findings.Invalid(absl::StrCat(field, "[", i, "]"), absl::StrCat("must be at least 1, is ", parameter.shape(i)));
      return 0;
    }
    entries *= parameter.shape(i);
  }
  if (entries <= static_cast<double>(kMaxEntries)) return entries;
  findings.BeyondLimit(field, absl::StrCat("must have at most ", kMaxEntries, " entries, has ", entries));
  return 0;
}

void CheckGenerator(Context& context, const std::string& path, v1::Generator& model) {
  CheckNoise(context, path, model, context.dimension);
  CheckSource(context.findings, context.limits, absl::StrCat(path, ".source"), model.source(), kGeneratorExample);
  const double parameters = CheckGeneratorParameters(context.findings, absl::StrCat(path, ".parameters"), *model.mutable_parameters());
  BoundNetwork(context, absl::StrCat(path, ".parameters"), parameters, model.noise_dimension() + 2.0 * context.dimension);
}

}  // namespace

double CheckGeneratorParameters(Findings& findings, const std::string& field,
                                google::protobuf::RepeatedPtrField<v1::GeneratorParameter>& parameters) {
  if (parameters.empty() || parameters.size() > kMaxParameters) {
    findings.Invalid(field, absl::StrCat("must be between 1 and ", kMaxParameters, " tensors to train, are ", parameters.size()));
    return 0;
  }
  double entries = 0;
  for (int i = 0; i < parameters.size(); ++i) entries += CheckParameter(findings, absl::StrCat(field, "[", i, "]"), parameters[i]);
  return entries;
}

void CheckPushforward(Context& context, const std::string& path, v1::Model& model) {
  if (model.has_mlp()) CheckMlp(context, absl::StrCat(path, ".mlp"), *model.mutable_mlp());
  if (model.has_cnn()) CheckCnn(context, absl::StrCat(path, ".cnn"), *model.mutable_cnn());
  if (model.has_decoder()) CheckDecoder(context, absl::StrCat(path, ".decoder"), *model.mutable_decoder());
  if (model.has_generator()) CheckGenerator(context, absl::StrCat(path, ".generator"), *model.mutable_generator());
}

}  // namespace sliceflow::api
