#include "server/engine/models/particles.h"

#include <utility>

#include <ATen/ATen.h>

namespace sliceflow::engine {

ParticlesCloud::ParticlesCloud(const ParticlesModel& spec, int dimension, std::shared_ptr<const InitialDistribution> initial)
    : count_(spec.count), dimension_(dimension), initial_(std::move(initial)) {}

at::Tensor ParticlesCloud::InitialParameters(at::Generator& random) const {
  return initial_->Particles(count_, random).contiguous().view({-1});
}

Noise ParticlesCloud::Draw(int64_t count, bool /*paired*/, at::Generator& random) const {
  if (count >= count_) return {};
  return {.z = at::randperm(count_, random, at::TensorOptions(at::kLong)).narrow(0, 0, count), .log_density = {}};
}

Batch ParticlesCloud::Transport(const at::Tensor& parameters, const Noise& noise) const {
  const at::Tensor positions = parameters.view({count_, dimension_});
  return {.x = noise.z.defined() ? positions.index_select(0, noise.z) : positions, .log_density = {}};
}

at::Tensor ParticlesCloud::LogDensity(const at::Tensor& /*parameters*/, const at::Tensor& /*x*/) const {
  TORCH_CHECK(false, "particles have no density");
}

at::Tensor ParticlesCloud::Inverse(const at::Tensor& /*parameters*/, const at::Tensor& /*x*/) const {
  TORCH_CHECK(false, "particles have no inverse");
}

ScriptPart ParticlesCloud::Script(const at::Tensor& parameters) const {
  ScriptPart part{.kind = "Particles", .tensors = {{"positions", parameters.view({count_, dimension_}), /*trained=*/true}}};
  part.source = R"(
def sample(self, count: int) -> Tensor:
    particles = self.positions.size(0)
    assert count >= 1 and count <= particles, "count must be between 1 and the number of particles"
    if count == particles:
        return self.positions.clone()
    return self.positions[torch.randperm(particles)[:count]]
)";
  return part;
}

}  // namespace sliceflow::engine
