// Free particles: ρ = (1/count) Σᵢ δ(xᵢ), the positions being the parameters.
#pragma once

#include <memory>

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"
#include "server/engine/models/model.h"

namespace sliceflow::engine {

// Starts at InitialDistribution::Particles. Batches are all particles, in order; Draw with a count below theirs chooses different ones.
class ParticlesCloud final : public Model {
 public:
  // Shares `initial`.
  ParticlesCloud(const ParticlesModel& spec, int dimension, std::shared_ptr<const InitialDistribution> initial);

  int64_t num_parameters() const override { return count_ * dimension_; }
  bool has_density() const override { return false; }
  bool exact() const override { return true; }
  at::Tensor InitialParameters(at::Generator& random) const override;
  bool starts_exact() const override { return true; }
  Noise Draw(int64_t count, bool paired, at::Generator& random) const override;
  Batch Transport(const at::Tensor& parameters, const Noise& noise) const override;
  at::Tensor LogDensity(const at::Tensor& parameters, const at::Tensor& x) const override;
  at::Tensor Inverse(const at::Tensor& parameters, const at::Tensor& x) const override;
  ScriptPart Script(const at::Tensor& parameters) const override;
  int64_t max_samples() const override { return count_; }

 private:
  int64_t count_;
  int64_t dimension_;
  std::shared_ptr<const InitialDistribution> initial_;
};

}  // namespace sliceflow::engine
