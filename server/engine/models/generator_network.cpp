#include "server/engine/models/generator_network.h"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "server/engine/expressions/lexical.h"

namespace sliceflow::engine {

RowMap::Signature SignatureOf(const GeneratorModel& spec, int dimension) {
  RowMap::Signature signature{.inputs = spec.noise_dimension, .outputs = dimension, .trained = true};
  for (const GeneratorParameter& parameter : spec.parameters) signature.tensors.push_back(parameter.shape);
  return signature;
}

std::vector<at::Tensor> InitialTensors(const std::vector<GeneratorParameter>& parameters, at::Generator& random) {
  std::vector<at::Tensor> tensors;
  for (const GeneratorParameter& parameter : parameters) {
    double inputs = 1;
    for (size_t i = 0; i + 1 < parameter.shape.size(); ++i) inputs *= static_cast<double>(parameter.shape[i]);
    tensors.push_back(at::randn(parameter.shape, random, at::TensorOptions(at::kFloat)).mul_(parameter.initial_scale / std::sqrt(inputs)));
  }
  return tensors;
}

GeneratorNetwork::GeneratorNetwork(const GeneratorModel& spec, int dimension)
    : spec_(spec), map_(std::move(std::get<0>(RowMap::Compile(spec.source, SignatureOf(spec, dimension))))) {}

std::vector<Shape> GeneratorNetwork::shapes() const {
  std::vector<Shape> shapes;
  for (const GeneratorParameter& parameter : spec_.parameters) shapes.push_back(parameter.shape);
  return shapes;
}

ScriptPart GeneratorNetwork::Script(absl::Span<const at::Tensor> parameters) const {
  ScriptPart part{.kind = "Generator", .generator = ReadExpressionText(spec_.source).text};
  std::string names;
  for (size_t i = 0; i < parameters.size(); ++i) {
    part.tensors.push_back({absl::StrCat("parameter_", i + 1), parameters[i], /*trained=*/true});
    absl::StrAppend(&names, ", self.", part.tensors.back().name);
  }
  part.source = absl::Substitute(R"(
def forward(self, z: Tensor) -> Tensor:
    pieces: List[Tensor] = []
    for first in range(0, z.size(0), $0):
        piece = z[first:first + $0]
        size = piece.size(0)
        rows = torch.cat([piece, piece[size - 1:].expand([$0 - size, -1])])
        pieces.append(generator(rows$1)[:size].float())
    return torch.cat(pieces)
)",
                                 map_->piece(), names);
  return part;
}

}  // namespace sliceflow::engine
