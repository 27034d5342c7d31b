// Networks of dense layers with SiLU between them: the MLP and the decoder.
#pragma once

#include <utility>
#include <vector>

#include "server/engine/flow_spec.h"
#include "server/engine/models/output_range.h"
#include "server/engine/models/pushforward.h"

namespace sliceflow::engine {

// W_L silu(… silu(W₁ u + b₁) …) + b_L, `widths` from the inputs to the outputs, at least two.
class DenseLayers {
 public:
  explicit DenseLayers(std::vector<int64_t> widths) : widths_(std::move(widths)) {}

  std::vector<Shape> shapes() const;

  // Hidden layers keep the scale of their inputs; the last layer's weights give outputs of the deviation `last_scale`, its biases are 0.
  std::vector<at::Tensor> InitialParameters(double last_scale, at::Generator& random) const;

  at::Tensor Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& u) const;

 private:
  std::vector<int64_t> widths_;
};

// The mean and the standard deviation of every coordinate of ρ₀, float, d: what an MLP works in.
struct Units {
  at::Tensor mean;
  at::Tensor deviation;
};

// x = mean + deviation · (A z + layers(z)): the layers start at zero, and A as the identity where it is square, else with rows of unit
// length on average.
class MlpNetwork final : public Network {
 public:
  MlpNetwork(const MlpModel& spec, int dimension, Units units);

  int64_t noise_dimension() const override { return noise_dimension_; }
  std::vector<Shape> shapes() const override;
  std::vector<at::Tensor> InitialParameters(at::Generator& random) const override;
  at::Tensor Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& z) const override;
  ScriptPart Script(absl::Span<const at::Tensor> parameters) const override;

 private:
  int64_t noise_dimension_;
  int64_t dimension_;
  Units units_;
  DenseLayers layers_;
};

// x = range(layers(z)), each hidden layer twice as wide as the one before. Starts about `mean`, ρ₀'s.
class DecoderNetwork final : public Network {
 public:
  DecoderNetwork(const DecoderModel& spec, int dimension, at::Tensor mean);

  int64_t noise_dimension() const override { return noise_dimension_; }
  std::vector<Shape> shapes() const override { return layers_.shapes(); }
  std::vector<at::Tensor> InitialParameters(at::Generator& random) const override;
  at::Tensor Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& z) const override;
  ScriptPart Script(absl::Span<const at::Tensor> parameters) const override;

 private:
  int64_t noise_dimension_;
  OutputRange range_;
  at::Tensor mean_;
  DenseLayers layers_;
};

}  // namespace sliceflow::engine
