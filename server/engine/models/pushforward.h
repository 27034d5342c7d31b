// The law of T(z), z ~ N(0, I) of a dimension of its own and T a network: sampled, without a density.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "absl/types/span.h"
#include "server/engine/models/flat_parameters.h"
#include "server/engine/models/model.h"

namespace sliceflow::engine {

// What noise is sent through. Holds structure, not parameters: they come as tensors of its `shapes`, in that order. Immutable.
class Network {
 public:
  virtual ~Network() = default;
  virtual int64_t noise_dimension() const = 0;
  virtual std::vector<Shape> shapes() const = 0;
  virtual std::vector<at::Tensor> InitialParameters(at::Generator& random) const = 0;

  // x (float, n × d) at noise z (float, n × noise_dimension), row by row; part of the graph of the parameters.
  virtual at::Tensor Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& z) const = 0;

  // The network with these parameters as TorchScript: Apply is `forward`.
  virtual ScriptPart Script(absl::Span<const at::Tensor> parameters) const = 0;
};

// Any network as a model. Wants to be fitted to ρ₀; pairs of noise are z and −z.
class Pushforward final : public Model {
 public:
  explicit Pushforward(std::unique_ptr<const Network> network);

  int64_t num_parameters() const override { return flat_.size(); }
  bool has_density() const override { return false; }
  bool exact() const override { return false; }
  at::Tensor InitialParameters(at::Generator& random) const override;
  bool starts_exact() const override { return false; }
  Noise Draw(int64_t count, bool paired, at::Generator& random) const override;
  Batch Transport(const at::Tensor& parameters, const Noise& noise) const override;
  at::Tensor LogDensity(const at::Tensor& parameters, const at::Tensor& x) const override;
  at::Tensor Inverse(const at::Tensor& parameters, const at::Tensor& x) const override;
  ScriptPart Script(const at::Tensor& parameters) const override;
  int64_t max_samples() const override;

 private:
  std::unique_ptr<const Network> network_;
  FlatParameters flat_;
};

}  // namespace sliceflow::engine
