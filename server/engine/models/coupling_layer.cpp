#include "server/engine/models/coupling_layer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "server/engine/kernels/cpu/coupling_kernels.h"

namespace sliceflow::engine {
namespace {

using kernels::CouplingShape;
using kernels::kCouplingPoints;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Weights = kernels::CouplingNetwork<const float>;

// Points are cut into as many parts whatever the number of threads, so that sums over them are the same.
constexpr int64_t kParts = 8;

// Of the layer with these parameters, as in CouplingLayer::shapes.
CouplingShape ShapeOf(absl::Span<const at::Tensor> p, bool first_kept) {
  return {.kept = p[0].size(1),
          .moved = p[5].size(0) / 2,
          .hidden = p[0].size(0),
          .first_kept = first_kept,
          .scale_bound = static_cast<float>(CouplingLayer::kScaleBound)};
}

Weights WeightsOf(absl::Span<const at::Tensor> p) {
  const auto data = [&](size_t i) { return p[i].const_data_ptr<float>(); };
  return {.w1 = data(0), .b1 = data(1), .w2 = data(2), .b2 = data(3), .w3 = data(4), .b3 = data(5)};
}

// Of one run.
int64_t RecordSize(const CouplingShape& shape) { return shape.record_size() * (kCouplingPoints / kernels::kPanel); }

// Calls work(part, first, count) for runs of at most kCouplingPoints points.
template <class Work>
void ForEachRun(int64_t count, const Work& work) {
  const int64_t runs = (count + kCouplingPoints - 1) / kCouplingPoints;
  const int64_t parts = std::min(kParts, runs);
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      for (int64_t run = runs * part / parts; run < runs * (part + 1) / parts; ++run) {
        const int64_t first = run * kCouplingPoints;
        work(part, first, std::min(kCouplingPoints, count - first));
      }
    }
  });
}

// `record`: for all points where the way back will need it, else for one run of each part.
Pushed Push(const CouplingShape& shape, const Weights& weights, const at::Tensor& u, const at::Tensor& record, bool whole_record) {
  Pushed pushed{.v = at::empty_like(u), .log_determinant = at::empty({u.size(0)}, u.options())};
  const at::Tensor scratch = at::empty({kParts, shape.forward_scratch_size()}, u.options());
  const float* from = u.const_data_ptr<float>();
  float* v = pushed.v.data_ptr<float>();
  float* log_determinant = pushed.log_determinant.data_ptr<float>();
  float* records = record.data_ptr<float>();
  float* scratches = scratch.data_ptr<float>();
  ForEachRun(u.size(0), [&](int64_t part, int64_t first, int64_t count) {
    const int64_t run = whole_record ? first / kCouplingPoints : part;
    kernels::CouplingForward(shape, weights, from + first * shape.dimension(), count, v + first * shape.dimension(),
                             log_determinant + first, records + run * RecordSize(shape), scratches + part * shape.forward_scratch_size());
  });
  return pushed;
}

class CouplingFunction : public torch::autograd::Function<CouplingFunction> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& u, const at::Tensor& w1, const at::Tensor& b1,
                               const at::Tensor& w2, const at::Tensor& b2, const at::Tensor& w3, const at::Tensor& b3, bool first_kept) {
    const at::Tensor parameters[] = {w1, b1, w2, b2, w3, b3};
    const CouplingShape shape = ShapeOf(parameters, first_kept);
    const int64_t runs = (u.size(0) + kCouplingPoints - 1) / kCouplingPoints;
    const at::Tensor record = at::empty({runs, RecordSize(shape)}, u.options());
    Pushed pushed = Push(shape, WeightsOf(parameters), u, record, /*whole_record=*/true);
    context->save_for_backward({w1, b1, w2, b2, w3, b3, record});
    context->saved_data["first_kept"] = first_kept;
    return {std::move(pushed.v), std::move(pushed.log_determinant)};
  }

  static variable_list backward(AutogradContext* context, variable_list by) {
    const variable_list saved = context->get_saved_variables();
    const auto parameters = absl::MakeConstSpan(saved).first(6);
    const CouplingShape shape = ShapeOf(parameters, context->saved_data["first_kept"].toBool());
    const at::Tensor by_v = by[0].contiguous();
    const at::Tensor by_log = by[1].contiguous();
    at::Tensor by_u = at::empty_like(by_v);
    FlatParameters sizes;
    for (const at::Tensor& parameter : parameters) sizes.Add(parameter.sizes().vec());
    const at::Tensor sums = at::zeros({kParts, sizes.size()}, by_v.options());
    const at::Tensor scratch = at::empty({kParts, shape.backward_scratch_size()}, by_v.options());
    ForEachRun(by_v.size(0), [&](int64_t part, int64_t first, int64_t count) {
      kernels::CouplingBackward(
          shape, WeightsOf(parameters), saved[6].const_data_ptr<float>() + first / kCouplingPoints * RecordSize(shape),
          by_v.const_data_ptr<float>() + first * shape.dimension(), by_log.const_data_ptr<float>() + first, count,
          by_u.data_ptr<float>() + first * shape.dimension(), GradientAt(shape, sums.data_ptr<float>() + part * sizes.size()),
          scratch.data_ptr<float>() + part * shape.backward_scratch_size());
    });
    variable_list result{by_u};
    for (at::Tensor& gradient : sizes.Split(sums.sum(0))) result.push_back(std::move(gradient));
    result.emplace_back();
    return result;
  }

 private:
  static kernels::CouplingNetwork<float> GradientAt(const CouplingShape& shape, float* at) {
    const auto take = [&at](int64_t size) { return std::exchange(at, at + size); };
    kernels::CouplingNetwork<float> network;
    network.w1 = take(shape.hidden * shape.kept);
    network.b1 = take(shape.hidden);
    network.w2 = take(shape.hidden * shape.hidden);
    network.b2 = take(shape.hidden);
    network.w3 = take(2 * shape.moved * shape.hidden);
    network.b3 = take(2 * shape.moved);
    return network;
  }
};

bool NeedsGraph(absl::Span<const at::Tensor> parameters, const at::Tensor& u) {
  return at::GradMode::is_enabled() &&
         (u.requires_grad() || std::any_of(parameters.begin(), parameters.end(), [](const at::Tensor& p) { return p.requires_grad(); }));
}

}  // namespace

CouplingLayer::CouplingLayer(int64_t dimension, int64_t hidden_width, bool first_kept)
    : kept_(first_kept ? dimension / 2 : dimension - dimension / 2),
      moved_(dimension - kept_),
      hidden_width_(hidden_width),
      first_kept_(first_kept) {}

std::vector<Shape> CouplingLayer::shapes() const {
  return {{hidden_width_, kept_},      {hidden_width_}, {hidden_width_, hidden_width_}, {hidden_width_},
          {2 * moved_, hidden_width_}, {2 * moved_}};
}

// Weights with variance 1/inputs keep the signal's size; spread biases of the first layer place the units across the data, which
// is in units of its standard deviation.
std::vector<at::Tensor> CouplingLayer::InitialParameters(at::Generator& random) const {
  const at::TensorOptions options(at::kFloat);
  return {at::randn({hidden_width_, kept_}, random, options).mul_(1 / std::sqrt(static_cast<double>(kept_))),
          at::randn({hidden_width_}, random, options),
          at::randn({hidden_width_, hidden_width_}, random, options).mul_(1 / std::sqrt(static_cast<double>(hidden_width_))),
          at::zeros({hidden_width_}, options),
          at::zeros({2 * moved_, hidden_width_}, options),
          at::zeros({2 * moved_}, options)};
}

CouplingLayer::Halves CouplingLayer::Split(const at::Tensor& points) const {
  if (first_kept_) return {points.narrow(1, 0, kept_), points.narrow(1, kept_, moved_)};
  return {points.narrow(1, moved_, kept_), points.narrow(1, 0, moved_)};
}

at::Tensor CouplingLayer::Join(const at::Tensor& kept, const at::Tensor& moved) const {
  return first_kept_ ? at::cat({kept, moved}, 1) : at::cat({moved, kept}, 1);
}

Pushed CouplingLayer::Forward(absl::Span<const at::Tensor> p, const at::Tensor& u) const {
  const at::Tensor points = u.contiguous();
  if (NeedsGraph(p, points)) {
    variable_list pushed = CouplingFunction::apply(points, p[0], p[1], p[2], p[3], p[4], p[5], first_kept_);
    return {.v = std::move(pushed[0]), .log_determinant = std::move(pushed[1])};
  }
  const CouplingShape shape = ShapeOf(p, first_kept_);
  const at::Tensor record = at::empty({kParts, RecordSize(shape)}, points.options());
  return Push(shape, WeightsOf(p), points, record, /*whole_record=*/false);
}

// Rare beside Forward, so plain; the network here is that of the kernel.
at::Tensor CouplingLayer::Inverse(absl::Span<const at::Tensor> p, const at::Tensor& v) const {
  const Halves halves = Split(v);
  const at::Tensor first = at::tanh(at::addmm(p[1], halves.kept, p[0].t()));
  const at::Tensor second = at::tanh(at::addmm(p[3], first, p[2].t()));
  const at::Tensor out = at::addmm(p[5], second, p[4].t());
  const at::Tensor s = at::tanh(out.narrow(1, 0, moved_) / kScaleBound) * kScaleBound;
  return Join(halves.kept, (halves.moved - out.narrow(1, moved_, moved_)) * (-s).exp());
}

ScriptPart CouplingLayer::Script(absl::Span<const at::Tensor> p) const {
  ScriptPart part{.kind = "Coupling"};
  part.tensors = {{"weight_1", p[0], true}, {"bias_1", p[1], true},   {"weight_2", p[2], true},
                  {"bias_2", p[3], true},   {"weight_3", p[4], true}, {"bias_3", p[5], true}};
  const int64_t first = first_kept_ ? kept_ : moved_;
  const std::string halves[] = {absl::StrCat(":", first), absl::StrCat(first, ":")};
  part.source = absl::Substitute(R"(
def scale_and_shift(self, kept: Tensor) -> Tuple[Tensor, Tensor]:
    hidden = torch.tanh(torch.linear(kept, self.weight_1, self.bias_1))
    hidden = torch.tanh(torch.linear(hidden, self.weight_2, self.bias_2))
    out = torch.linear(hidden, self.weight_3, self.bias_3)
    return $0 * torch.tanh(out[:, :$1] / $0), out[:, $1:]

def push(self, u: Tensor) -> Tuple[Tensor, Tensor]:
    kept = u[:, $2]
    log_scale, shift = self.scale_and_shift(kept)
    moved = u[:, $3] * torch.exp(log_scale) + shift
    return torch.cat([$4], 1), log_scale.sum(1)

def pull(self, v: Tensor) -> Tensor:
    kept = v[:, $2]
    log_scale, shift = self.scale_and_shift(kept)
    moved = (v[:, $3] - shift) * torch.exp(-log_scale)
    return torch.cat([$4], 1)
)",
                                 ScriptNumber(kScaleBound), moved_, halves[first_kept_ ? 0 : 1], halves[first_kept_ ? 1 : 0],
                                 first_kept_ ? "kept, moved" : "moved, kept");
  return part;
}

}  // namespace sliceflow::engine
