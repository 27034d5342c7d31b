#include "server/engine/models/image_network.h"

#include <cmath>
#include <iterator>

#include <ATen/ATen.h>

#include "absl/strings/substitute.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kKernel = 4;
constexpr int64_t kStride = 2;
constexpr int64_t kPadding = 1;
constexpr double kTapsOfAPoint = 4;  // of the 16 of a kernel, those that meet a point of the output

at::Tensor Widen(const at::Tensor& maps, const at::Tensor& kernel, const at::Tensor& bias) {
  return at::conv_transpose2d(at::silu(maps), kernel, bias, {kStride, kStride}, {kPadding, kPadding});
}

}  // namespace

ImageNetwork::ImageNetwork(const CnnModel& spec, const at::Tensor& mean)
    : spec_(spec), range_{spec.lower, spec.upper}, channel_means_(mean.view({-1, spec.channels}).mean(0)) {}

std::vector<Shape> ImageNetwork::shapes() const {
  const int64_t base = spec_.base_channels;
  const int64_t coarse = 2 * base * (spec_.height / 4) * (spec_.width / 4);
  return {{coarse, spec_.noise_dimension},          {coarse},        {2 * base, base, kKernel, kKernel}, {base},
          {base, spec_.channels, kKernel, kKernel}, {spec_.channels}};
}

// Every layer keeps the scale of its inputs, so that logits start with unit deviation about those of the means.
std::vector<at::Tensor> ImageNetwork::InitialParameters(at::Generator& random) const {
  const at::TensorOptions options(at::kFloat);
  const std::vector<Shape> all = shapes();
  const double base = spec_.base_channels;
  const double scales[] = {1 / std::sqrt(static_cast<double>(spec_.noise_dimension)), kSiluGain / std::sqrt(kTapsOfAPoint * 2 * base),
                           kSiluGain / std::sqrt(kTapsOfAPoint * base)};
  std::vector<at::Tensor> parameters;
  for (size_t i = 0; i < std::size(scales); ++i) {
    parameters.push_back(at::randn(all[2 * i], random, options).mul_(scales[i]));
    parameters.push_back(at::zeros(all[2 * i + 1], options));
  }
  parameters.back() = range_.Invert(channel_means_);
  return parameters;
}

at::Tensor ImageNetwork::Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& z) const {
  const at::Tensor coarse = at::addmm(parameters[1], z, parameters[0].t());
  at::Tensor maps = coarse.view({z.size(0), 2 * spec_.base_channels, spec_.height / 4, spec_.width / 4});
  maps = Widen(maps, parameters[2], parameters[3]);
  maps = Widen(maps, parameters[4], parameters[5]);
  return range_.Apply(maps.permute({0, 2, 3, 1}).reshape({z.size(0), -1}));
}

ScriptPart ImageNetwork::Script(absl::Span<const at::Tensor> p) const {
  ScriptPart part{.kind = "Cnn"};
  part.tensors = {{"weight_1", p[0], true}, {"bias_1", p[1], true},   {"weight_2", p[2], true},
                  {"bias_2", p[3], true},   {"weight_3", p[4], true}, {"bias_3", p[5], true}};
  part.source = absl::Substitute(R"(
def forward(self, z: Tensor) -> Tensor:
    maps = torch.linear(z, self.weight_1, self.bias_1).view([z.size(0), $0, $1, $2])
    maps = torch.conv_transpose2d(torch.silu(maps), self.weight_2, self.bias_2, [$3, $3], [$4, $4])
    maps = torch.conv_transpose2d(torch.silu(maps), self.weight_3, self.bias_3, [$3, $3], [$4, $4])
    return $5
)",
                                 2 * spec_.base_channels, spec_.height / 4, spec_.width / 4, kStride, kPadding,
                                 range_.Script("maps.permute([0, 2, 3, 1]).flatten(1)"));
  return part;
}

}  // namespace sliceflow::engine
