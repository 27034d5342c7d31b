// Terms Fⱼ of the functional F(ρ) = Σⱼ cⱼ Fⱼ(ρ), estimated on batches of samples.
#pragma once

#include <memory>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

namespace sliceflow::engine {

// Samples of ρ. Float tensors; they may be part of a graph.
struct Batch {
  at::Tensor x;            // n × d
  at::Tensor log_density;  // n: log ρ(x); undefined for a model without a density
};

// What a term may draw from while it evaluates, and how carefully it should do so.
struct TermDraw {
  at::Generator random;
  bool thorough = false;       // an evaluation that is reported, not one of many iterations: no mini-batches that would be noisy
  bool with_gradient = false;  // whether `gradient` is wanted
  // Whether the caller sees to the entropy in a term itself, by noise: terms then leave it out.
  bool entropy_as_noise = false;
};

// The estimate of one term, weight not included.
struct TermValue {
  double value = 0;
  // n values whose mean is `value` and whose standard deviation / √n is its error over samples. Undefined where the term has none.
  at::Tensor per_sample;
  // Standard error from anything but the samples (random directions, rows, pairs).
  double other_error = 0;
  // ∂value/∂xᵢ at fixed log-densities, n × d. Undefined when it was not asked for or is zero.
  at::Tensor gradient;
  // ∂value/∂ log ρ(xᵢ), n. Undefined when it was not asked for or is zero.
  at::Tensor density_gradient;
};

// One kind of term. Implementations assume valid input (the flow validated it) and finite samples; they are not thread-safe.
// Values are invariant under permutations of the samples up to rounding.
class Functional {
 public:
  virtual ~Functional() = default;

  // Whether minimising the term needs Batch::log_density. Without it the term's value can still be estimated, for reports.
  virtual bool needs_density() const { return false; }

  // The factor of ∫ρ log ρ in the term, which particles can feel as noise; 0 where there is none.
  virtual double diffusion() const { return 0; }

  // Estimates the term and, where `draw.with_gradient`, its derivatives in closed form. Reads the batch outside its graph.
  virtual TermValue Evaluate(const Batch& batch, const TermDraw& draw) = 0;
};

// The value of a potential from its values at samples, v (n), and its gradient there (undefined where not wanted).
TermValue PotentialValue(const at::Tensor& v, const at::Tensor& gradient);

}  // namespace sliceflow::engine
