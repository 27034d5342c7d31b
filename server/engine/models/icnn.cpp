#include "server/engine/models/icnn.h"

#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include "server/engine/export/chain_script.h"
#include "server/engine/models/base_noise.h"

namespace sliceflow::engine {

Icnn::Icnn(const IcnnModel& spec, int dimension, std::shared_ptr<const InitialDistribution> base, bool base_is_initial, int links)
    : base_(std::move(base)),
      base_is_initial_(base_is_initial),
      links_(links),
      mean_(base_->mean()),
      deviation_(base_->deviation()),
      layer_(dimension, spec.hidden_layers, spec.hidden_width) {
  for (const Shape& shape : layer_.shapes()) flat_.Add(shape);
}

at::Tensor Icnn::InitialLink(at::Generator& random) const { return Flatten(layer_.InitialParameters(random)); }

at::Tensor Icnn::InitialParameters(at::Generator& random) const {
  return links_ == 0 ? at::empty({0}, at::TensorOptions(at::kFloat)) : InitialLink(random);
}

Noise Icnn::Draw(int64_t count, bool paired, at::Generator& random) const { return DrawBaseNoise(*base_, count, paired, random); }

Batch Icnn::Push(const at::Tensor& link, const Batch& batch) const {
  const Pushed pushed = layer_.Forward(flat_.Split(link), (batch.x - mean_) / deviation_);
  return {.x = pushed.v * deviation_ + mean_, .log_density = batch.log_density - pushed.log_determinant};
}

Batch Icnn::Transport(const at::Tensor& parameters, const Noise& noise) const {
  Batch batch{.x = noise.z, .log_density = noise.log_density};
  for (int64_t first = 0; first < parameters.size(0); first += link_size()) batch = Push(parameters.narrow(0, first, link_size()), batch);
  return batch;
}

at::Tensor Icnn::Inverse(const at::Tensor& parameters, const at::Tensor& x) const {
  at::Tensor u = (x - mean_) / deviation_;
  for (int64_t first = parameters.size(0) - link_size(); first >= 0; first -= link_size()) {
    u = layer_.Inverse(flat_.Split(parameters.narrow(0, first, link_size())), u);
  }
  return u * deviation_ + mean_;
}

at::Tensor Icnn::LogDensity(const at::Tensor& parameters, const at::Tensor& x) const {
  const at::Tensor z = Inverse(parameters, x);
  return Transport(parameters, {.z = z, .log_density = base_->LogDensity(z)}).log_density;
}

int64_t Icnn::max_samples() const { return std::numeric_limits<int64_t>::max(); }

ScriptPart Icnn::Script(const at::Tensor& parameters) const {
  std::vector<ScriptLink> links;
  for (int64_t first = 0; first < parameters.size(0); first += link_size()) {
    links.push_back({layer_.Script(flat_.Split(parameters.narrow(0, first, link_size())))});
  }
  return ChainScript("Icnn", base_->Script(), mean_, deviation_, std::move(links));
}

}  // namespace sliceflow::engine
