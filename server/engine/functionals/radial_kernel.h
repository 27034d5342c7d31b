// Kernels W(z) that depend on |z| alone, as pure functions of squared distances.
#pragma once

#include <ATen/core/Tensor.h>

#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// Immutable. Squared distances are at least 1e-12, so that no kernel sees the singularity it may have at 0.
class RadialKernel {
 public:
  struct Values {
    at::Tensor value;  // W
    at::Tensor force;  // W'(r)/r, so that ∇W(z) = force · z; undefined when not asked for
  };

  virtual ~RadialKernel() = default;

  // At squared distances, float of any shape. What comes back shares no memory with them.
  virtual Values Evaluate(const at::Tensor& square, bool with_force) const = 0;
};

// W(z) = |z|^a/a − |z|^b/b (Balagué et al. 2013).
class PowerLawKernel final : public RadialKernel {
 public:
  PowerLawKernel(double attraction, double repulsion) : attraction_(attraction), repulsion_(repulsion) {}
  Values Evaluate(const at::Tensor& square, bool with_force) const override;

 private:
  double attraction_;
  double repulsion_;
};

// W(z) = exp(−|z|²/(2 bandwidth²)).
class GaussianKernel final : public RadialKernel {
 public:
  explicit GaussianKernel(double bandwidth) : inverse_variance_(1 / (bandwidth * bandwidth)) {}
  Values Evaluate(const at::Tensor& square, bool with_force) const override;

 private:
  double inverse_variance_;
};

// W(z) = repulsion e^{−|z|/repulsion_length} − attraction e^{−|z|/attraction_length} (D'Orsogna et al. 2006).
class MorseKernel final : public RadialKernel {
 public:
  explicit MorseKernel(const MorseInteraction& spec) : spec_(spec) {}
  Values Evaluate(const at::Tensor& square, bool with_force) const override;

 private:
  MorseInteraction spec_;
};

// W(z) = (χ/4π) log(|z|² + softening²): Keller–Segel in the plane, smoothed at 0.
class KellerSegelKernel final : public RadialKernel {
 public:
  KellerSegelKernel(double chi, double softening) : chi_(chi), softening_(softening) {}
  Values Evaluate(const at::Tensor& square, bool with_force) const override;

 private:
  double chi_;
  double softening_;
};

// W(z) = −|z|, the kernel of the energy distance.
class EnergyDistanceKernel final : public RadialKernel {
 public:
  Values Evaluate(const at::Tensor& square, bool with_force) const override;
};

// W(z) = (1 + |z|²/scale²)^{−1/2}.
class InverseMultiquadricKernel final : public RadialKernel {
 public:
  explicit InverseMultiquadricKernel(double scale) : inverse_square_(1 / (scale * scale)) {}
  Values Evaluate(const at::Tensor& square, bool with_force) const override;

 private:
  double inverse_square_;
};

}  // namespace sliceflow::engine
