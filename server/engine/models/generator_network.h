// A generator of the user's own.
#pragma once

#include <memory>
#include <vector>

#include "server/engine/expressions/row_map.h"
#include "server/engine/flow_spec.h"
#include "server/engine/models/pushforward.h"

namespace sliceflow::engine {

// What a generator of `dimension` is as a map of rows.
RowMap::Signature SignatureOf(const GeneratorModel& spec, int dimension);

// Entries from N(0, initial_scale²/m), m the product of all sides but the last.
std::vector<at::Tensor> InitialTensors(const std::vector<GeneratorParameter>& parameters, at::Generator& random);

class GeneratorNetwork final : public Network {
 public:
  // `spec` is valid: its source is taken.
  GeneratorNetwork(const GeneratorModel& spec, int dimension);

  int64_t noise_dimension() const override { return spec_.noise_dimension; }
  std::vector<Shape> shapes() const override;
  std::vector<at::Tensor> InitialParameters(at::Generator& random) const override { return InitialTensors(spec_.parameters, random); }
  at::Tensor Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& z) const override { return map_->Evaluate(z, parameters); }
  // As Apply does, in pieces of the shapes that the source was tried on.
  ScriptPart Script(absl::Span<const at::Tensor> parameters) const override;

 private:
  GeneratorModel spec_;
  std::unique_ptr<const RowMap> map_;
};

}  // namespace sliceflow::engine
