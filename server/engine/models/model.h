// How the density ρ is parameterized: a pure function of a flat vector of parameters and of noise.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "server/engine/export/script_part.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

// What a batch is made from; its meaning is the model's own.
struct Noise {
  at::Tensor z;  // base points (float, n × d, or n × the dimension of the noise), or the chosen particles (int64, n; undefined for all)
  at::Tensor log_density;  // of the base at z (n), where the model has a density
};

// One kind of model. Holds structure, not parameters: every call takes them as one flat float tensor of `num_parameters` entries, so that
// optimising, freezing, copying and saving need to know nothing of layers. Immutable after it is made.
class Model {
 public:
  virtual ~Model() = default;

  virtual int64_t num_parameters() const = 0;

  // Whether batches carry log-densities and LogDensity is served.
  virtual bool has_density() const = 0;

  // Whether a batch of all there is represents ρ exactly, so that it has no sampling error.
  virtual bool exact() const = 0;

  // Where the optimisation starts; the same for the same generator.
  virtual at::Tensor InitialParameters(at::Generator& random) const = 0;

  // Whether the model at its initial parameters is ρ₀ itself; otherwise it wants to be fitted to it.
  virtual bool starts_exact() const = 0;

  // Whether the model grows: at parameters that are some followed by others, Transport is that at the first and then, from where that came
  // out, that at the others. Exact models do not.
  virtual bool grows() const { return false; }

  // Noise for a batch of `count`. `paired`: the second half mirrors the first where the base is symmetric, which halves the variance of odd
  // functions. Exact models answer all they have.
  virtual Noise Draw(int64_t count, bool paired, at::Generator& random) const = 0;

  // The batch T(noise); part of the graph of `parameters` when that wants gradients.
  virtual Batch Transport(const at::Tensor& parameters, const Noise& noise) const = 0;

  // log ρ at the rows of x, by the exact inverse. Only where has_density().
  virtual at::Tensor LogDensity(const at::Tensor& parameters, const at::Tensor& x) const = 0;

  // The inverse of Transport at the rows of x: base points. Only where has_density().
  virtual at::Tensor Inverse(const at::Tensor& parameters, const at::Tensor& x) const = 0;

  // The model with these parameters as TorchScript; Transport without the log-densities is `forward`, Draw is `latent`.
  virtual ScriptPart Script(const at::Tensor& parameters) const = 0;

  // The most samples that can be drawn, for exact models; otherwise no bound (INT64_MAX).
  virtual int64_t max_samples() const = 0;
};

}  // namespace sliceflow::engine
