#include "server/engine/models/pushforward.h"

#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include "absl/strings/substitute.h"

namespace sliceflow::engine {

Pushforward::Pushforward(std::unique_ptr<const Network> network) : network_(std::move(network)) {
  for (const Shape& shape : network_->shapes()) flat_.Add(shape);
}

at::Tensor Pushforward::InitialParameters(at::Generator& random) const { return Flatten(network_->InitialParameters(random)); }

Noise Pushforward::Draw(int64_t count, bool paired, at::Generator& random) const {
  const int64_t dimension = network_->noise_dimension();
  const bool mirrored = paired && count % 2 == 0;
  const at::Tensor drawn = at::randn({mirrored ? count / 2 : count, dimension}, random, at::TensorOptions(at::kFloat));
  return {.z = mirrored ? at::cat({drawn, -drawn}) : drawn, .log_density = {}};
}

Batch Pushforward::Transport(const at::Tensor& parameters, const Noise& noise) const {
  return {.x = network_->Apply(flat_.Split(parameters), noise.z), .log_density = {}};
}

at::Tensor Pushforward::LogDensity(const at::Tensor& /*parameters*/, const at::Tensor& /*x*/) const {
  TORCH_CHECK(false, "a pushforward of noise has no density");
}

at::Tensor Pushforward::Inverse(const at::Tensor& /*parameters*/, const at::Tensor& /*x*/) const {
  TORCH_CHECK(false, "a pushforward of noise has no inverse");
}

int64_t Pushforward::max_samples() const { return std::numeric_limits<int64_t>::max(); }

ScriptPart Pushforward::Script(const at::Tensor& parameters) const {
  ScriptPart part = network_->Script(flat_.Split(parameters));
  absl::SubstituteAndAppend(&part.source, R"(
def latent(self, count: int) -> Tensor:
    return torch.randn([count, $0], dtype=$1)

def sample(self, count: int) -> Tensor:
    return self.forward(self.latent(count))
)",
                            network_->noise_dimension(), kScriptFloat);
  return part;
}

}  // namespace sliceflow::engine
