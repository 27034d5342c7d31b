#include "server/engine/models/real_nvp.h"

#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include "server/engine/export/chain_script.h"
#include "server/engine/models/base_noise.h"
#include "server/engine/models/coupling_layer.h"
#include "server/engine/models/linear_layer.h"
#include "server/engine/models/monotone_layer.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kEdgesPerCoupling = 8;

}  // namespace

RealNvp::RealNvp(const RealNvpModel& spec, int dimension, std::shared_ptr<const InitialDistribution> base, bool base_is_initial)
    : base_(std::move(base)), base_is_initial_(base_is_initial), mean_(base_->mean()), deviation_(base_->deviation()) {
  if (dimension > 1) {
    AddCouplings(spec, dimension);
    return;
  }
  auto layer = std::make_unique<MonotoneLayer>(kEdgesPerCoupling * spec.couplings);
  monotone_ = layer.get();
  Add(std::move(layer), 0);
}

void RealNvp::AddCouplings(const RealNvpModel& spec, int64_t dimension) {
  const kernels::CouplingFlowShape shape{.dimension = dimension,
                                         .hidden = spec.hidden_width,
                                         .couplings = spec.couplings,
                                         .linear = spec.learned_linear,
                                         .scale_bound = static_cast<float>(CouplingLayer::kScaleBound)};
  for (int64_t i = 0; i < shape.couplings; ++i) {
    Add(std::make_unique<CouplingLayer>(dimension, shape.hidden, kernels::CouplingFlowShape::KeepsFirstHalf(i)), shape.Rolls(i) ? 1 : 0);
    if (shape.linear) Add(std::make_unique<LinearLayer>(dimension), 0);
  }
  couplings_.emplace(shape, mean_, deviation_);
}

void RealNvp::Add(std::unique_ptr<Layer> layer, int64_t rotation) {
  const std::vector<Shape> shapes = layer->shapes();
  places_.push_back({.layer = std::move(layer), .first_tensor = flat_.tensors(), .tensors = shapes.size(), .rotation = rotation});
  total_rotation_ += rotation;
  for (const Shape& shape : shapes) flat_.Add(shape);
}

at::Tensor RealNvp::InitialParameters(at::Generator& random) const {
  std::vector<at::Tensor> tensors;
  for (const Place& place : places_) {
    for (at::Tensor& tensor : place.layer->InitialParameters(random)) tensors.push_back(std::move(tensor));
  }
  return Flatten(tensors);
}

Noise RealNvp::Draw(int64_t count, bool paired, at::Generator& random) const { return DrawBaseNoise(*base_, count, paired, random); }

Batch RealNvp::Transport(const at::Tensor& parameters, const Noise& noise) const {
  return couplings_.has_value() ? couplings_->Push(parameters, noise) : PushOnTheLine(parameters, noise);
}

Batch RealNvp::PushOnTheLine(const at::Tensor& parameters, const Noise& noise) const {
  const Pushed pushed = monotone_->Forward(flat_.Split(parameters), (noise.z - mean_) / deviation_);
  return {.x = pushed.v * deviation_ + mean_, .log_density = noise.log_density - pushed.log_determinant};
}

at::Tensor RealNvp::Inverse(const at::Tensor& parameters, const at::Tensor& x) const {
  const std::vector<at::Tensor> tensors = flat_.Split(parameters);
  at::Tensor v = (x - mean_) / deviation_;
  if (total_rotation_ != 0) v = v.roll(total_rotation_, 1);
  for (auto place = places_.rbegin(); place != places_.rend(); ++place) {
    v = place->layer->Inverse(absl::MakeConstSpan(tensors).subspan(place->first_tensor, place->tensors), v);
    if (place->rotation != 0) v = v.roll(-place->rotation, 1);
  }
  return v * deviation_ + mean_;
}

at::Tensor RealNvp::LogDensity(const at::Tensor& parameters, const at::Tensor& x) const {
  const at::Tensor z = Inverse(parameters, x);
  return Transport(parameters, {.z = z, .log_density = base_->LogDensity(z)}).log_density;
}

int64_t RealNvp::max_samples() const { return std::numeric_limits<int64_t>::max(); }

ScriptPart RealNvp::Script(const at::Tensor& parameters) const {
  const std::vector<at::Tensor> tensors = flat_.Split(parameters);
  std::vector<ScriptLink> links;
  for (const Place& place : places_) {
    links.push_back({place.layer->Script(absl::MakeConstSpan(tensors).subspan(place.first_tensor, place.tensors)), place.rotation});
  }
  return ChainScript("RealNvp", base_->Script(), mean_, deviation_, std::move(links));
}

}  // namespace sliceflow::engine
