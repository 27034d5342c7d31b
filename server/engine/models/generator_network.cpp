#include "server/engine/models/generator_network.h"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>

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

}  // namespace sliceflow::engine
