#include "server/engine/models/dense_networks.h"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"

namespace sliceflow::engine {
namespace {

std::vector<int64_t> MlpWidths(const MlpModel& spec, int dimension) {
  std::vector<int64_t> widths(static_cast<size_t>(spec.hidden_layers) + 2, spec.hidden_width);
  widths.front() = spec.noise_dimension;
  widths.back() = dimension;
  return widths;
}

std::vector<int64_t> DecoderWidths(const DecoderModel& spec, int dimension) {
  std::vector<int64_t> widths{spec.noise_dimension};
  for (int i = 0; i < spec.hidden_layers; ++i) widths.push_back(int64_t{spec.hidden_width} << i);
  widths.push_back(dimension);
  return widths;
}

}  // namespace

std::vector<Shape> DenseLayers::shapes() const {
  std::vector<Shape> shapes;
  for (size_t i = 1; i < widths_.size(); ++i) {
    shapes.push_back({widths_[i], widths_[i - 1]});
    shapes.push_back({widths_[i]});
  }
  return shapes;
}

// Spread biases of the first layer place its units across the noise, which has unit variance.
std::vector<at::Tensor> DenseLayers::InitialParameters(double last_scale, at::Generator& random) const {
  const at::TensorOptions options(at::kFloat);
  std::vector<at::Tensor> parameters;
  for (size_t i = 1; i < widths_.size(); ++i) {
    const bool is_first = i == 1;
    const bool is_last = i + 1 == widths_.size();
    const double scale = (is_last ? last_scale : 1) * (is_first ? 1 : kSiluGain) / std::sqrt(static_cast<double>(widths_[i - 1]));
    parameters.push_back(at::randn({widths_[i], widths_[i - 1]}, random, options).mul_(scale));
    parameters.push_back(is_first && !is_last ? at::randn({widths_[i]}, random, options) : at::zeros({widths_[i]}, options));
  }
  return parameters;
}

at::Tensor DenseLayers::Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const {
  at::Tensor v = u;
  for (size_t i = 0; i + 1 < parameters.size(); i += 2) {
    v = at::addmm(parameters[i + 1], i > 0 ? at::silu(v) : v, parameters[i].t());
  }
  return v;
}

MlpNetwork::MlpNetwork(const MlpModel& spec, int dimension, Units units)
    : noise_dimension_(spec.noise_dimension), dimension_(dimension), units_(std::move(units)), layers_(MlpWidths(spec, dimension)) {}

std::vector<Shape> MlpNetwork::shapes() const {
  std::vector<Shape> shapes = layers_.shapes();
  shapes.push_back({dimension_, noise_dimension_});
  return shapes;
}

std::vector<at::Tensor> MlpNetwork::InitialParameters(at::Generator& random) const {
  const at::TensorOptions options(at::kFloat);
  std::vector<at::Tensor> parameters = layers_.InitialParameters(/*last_scale=*/0, random);
  const bool square = noise_dimension_ == dimension_;
  parameters.push_back(
      square ? at::eye(dimension_, options)
             : at::randn({dimension_, noise_dimension_}, random, options).mul_(1 / std::sqrt(static_cast<double>(noise_dimension_))));
  return parameters;
}

at::Tensor MlpNetwork::Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& z) const {
  const size_t last = parameters.size() - 1;
  const at::Tensor u = at::addmm(layers_.Apply(parameters.subspan(0, last), z), z, parameters[last].t());
  return at::addcmul(units_.mean, u, units_.deviation);
}

ScriptPart MlpNetwork::Script(absl::Span<const at::Tensor> parameters) const {
  const size_t last = parameters.size() - 1;
  ScriptPart part = DenseScript("Mlp", parameters.subspan(0, last), "silu");
  part.tensors.push_back({"linear", parameters[last], /*trained=*/true});
  part.tensors.push_back({"mean", units_.mean});
  part.tensors.push_back({"deviation", units_.deviation});
  part.source += R"(
def forward(self, z: Tensor) -> Tensor:
    return self.mean + self.deviation * (self.network(z) + torch.matmul(z, self.linear.t()))
)";
  return part;
}

DecoderNetwork::DecoderNetwork(const DecoderModel& spec, int dimension, at::Tensor mean)
    : noise_dimension_(spec.noise_dimension),
      range_{spec.lower, spec.upper},
      mean_(std::move(mean)),
      layers_(DecoderWidths(spec, dimension)) {}

std::vector<at::Tensor> DecoderNetwork::InitialParameters(at::Generator& random) const {
  std::vector<at::Tensor> parameters = layers_.InitialParameters(/*last_scale=*/1, random);
  parameters.back() = range_.Invert(mean_);
  return parameters;
}

at::Tensor DecoderNetwork::Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& z) const {
  return range_.Apply(layers_.Apply(parameters, z));
}

ScriptPart DecoderNetwork::Script(absl::Span<const at::Tensor> parameters) const {
  ScriptPart part = DenseScript("Decoder", parameters, "silu");
  absl::StrAppend(&part.source, "\ndef forward(self, z: Tensor) -> Tensor:\n    return ", range_.Script("self.network(z)"), "\n");
  return part;
}

}  // namespace sliceflow::engine
