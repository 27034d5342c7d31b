#include "server/engine/models/icnn.h"

#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include "server/engine/models/base_noise.h"

namespace sliceflow::engine {

Icnn::Icnn(const IcnnModel& spec, int dimension, std::shared_ptr<const InitialDistribution> base, bool base_is_initial, int links)
    : base_(std::move(base)),
      base_is_initial_(base_is_initial),
      links_(links),
      mean_(base_->mean()),
      deviation_(base_->deviation()),
      layer_(dimension, spec.hidden_layers, spec.hidden_width),
      shapes_(layer_.shapes()) {
  for (const Layer::Shape& shape : shapes_) {
    int64_t size = 1;
    for (const int64_t side : shape) size *= side;
    sizes_.push_back(size);
    link_size_ += size;
  }
}

at::Tensor Icnn::InitialLink(at::Generator& random) const {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& tensor : layer_.InitialParameters(random)) flat.push_back(tensor.view({-1}));
  return at::cat(flat);
}

at::Tensor Icnn::InitialParameters(at::Generator& random) const {
  return links_ == 0 ? at::empty({0}, at::TensorOptions(at::kFloat)) : InitialLink(random);
}

Noise Icnn::Draw(int64_t count, bool paired, at::Generator& random) const { return DrawBaseNoise(*base_, count, paired, random); }

std::vector<at::Tensor> Icnn::Split(const at::Tensor& link) const {
  std::vector<at::Tensor> tensors = link.split_with_sizes(sizes_);
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i] = tensors[i].view(shapes_[i]);
  return tensors;
}

Batch Icnn::Push(const at::Tensor& link, const Batch& batch) const {
  const Pushed pushed = layer_.Forward(Split(link), (batch.x - mean_) / deviation_);
  return {.x = pushed.v * deviation_ + mean_, .log_density = batch.log_density - pushed.log_determinant};
}

Batch Icnn::Transport(const at::Tensor& parameters, const Noise& noise) const {
  Batch batch{.x = noise.z, .log_density = noise.log_density};
  for (int64_t first = 0; first < parameters.size(0); first += link_size_) batch = Push(parameters.narrow(0, first, link_size_), batch);
  return batch;
}

at::Tensor Icnn::Inverse(const at::Tensor& parameters, const at::Tensor& x) const {
  at::Tensor u = (x - mean_) / deviation_;
  for (int64_t first = parameters.size(0) - link_size_; first >= 0; first -= link_size_) {
    u = layer_.Inverse(Split(parameters.narrow(0, first, link_size_)), u);
  }
  return u * deviation_ + mean_;
}

at::Tensor Icnn::LogDensity(const at::Tensor& parameters, const at::Tensor& x) const {
  const at::Tensor z = Inverse(parameters, x);
  return Transport(parameters, {.z = z, .log_density = base_->LogDensity(z)}).log_density;
}

int64_t Icnn::max_samples() const { return std::numeric_limits<int64_t>::max(); }

}  // namespace sliceflow::engine
