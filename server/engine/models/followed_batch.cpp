#include "server/engine/models/followed_batch.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace sliceflow::engine {
namespace {

constexpr size_t kKept = 3;  // ρ_k, ρ_{k−1}, and what is tried now

}  // namespace

FollowedBatch::FollowedBatch(const Model& model, Noise noise, int64_t block) : model_(&model), noise_(std::move(noise)), block_(block) {}

const FollowedBatch::Known* FollowedBatch::Nearest(const at::Tensor& parameters) const {
  const int64_t size = parameters.size(0);
  const Known* nearest = nullptr;
  for (const Known& known : known_) {
    const int64_t begun = known.parameters.size(0);
    if (begun > size || (begun < size && !model_->grows())) continue;
    if (nearest != nullptr && begun <= nearest->parameters.size(0)) continue;
    if (at::equal(known.parameters, parameters.narrow(0, 0, begun))) nearest = &known;
  }
  return nearest;
}

Batch FollowedBatch::Transport(const at::Tensor& parameters, const Noise& noise) const {
  const int64_t count = noise.z.size(0);
  if (count <= block_) return model_->Transport(parameters, noise);
  std::vector<at::Tensor> x, log_density;
  for (int64_t first = 0; first < count; first += block_) {
    const int64_t rows = std::min(block_, count - first);
    Noise part{.z = noise.z.narrow(0, first, rows), .log_density = {}};
    if (noise.log_density.defined()) part.log_density = noise.log_density.narrow(0, first, rows);
    const Batch pushed = model_->Transport(parameters, part);
    x.push_back(pushed.x);
    if (pushed.log_density.defined()) log_density.push_back(pushed.log_density);
  }
  return {.x = at::cat(x), .log_density = log_density.empty() ? at::Tensor() : at::cat(log_density)};
}

Batch FollowedBatch::At(const at::Tensor& parameters) {
  const at::NoGradGuard no_graph;
  if (model_->exact()) return model_->Transport(parameters, noise_);
  const Known* nearest = Nearest(parameters);
  const int64_t begun = nearest == nullptr ? 0 : nearest->parameters.size(0);
  if (nearest != nullptr && begun == parameters.size(0)) return nearest->batch;
  const Noise from = nearest == nullptr ? noise_ : Noise{.z = nearest->batch.x, .log_density = nearest->batch.log_density};
  const Batch batch = Transport(parameters.narrow(0, begun, parameters.size(0) - begun), from);
  if (known_.size() == kKept) known_.erase(known_.begin());
  known_.push_back({.parameters = parameters.clone(), .batch = batch});
  return batch;
}

}  // namespace sliceflow::engine
