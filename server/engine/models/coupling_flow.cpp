#include "server/engine/models/coupling_flow.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace sliceflow::engine {
namespace {

using kernels::kFlowPoints;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Points are cut into as many parts whatever the number of threads, so that sums over them are the same. Each has its own sums over all
// parameters, so a large model has fewer; EstimateMemoryBytes (server/jobs) counts them.
constexpr int64_t kParts = 8, kMostSums = int64_t{1} << 27;

// What one batch needs on its way there and back. Grows with the batch.
struct Room {
  at::Tensor matrices, record, scratch, sums;
};

// At least `size` floats.
float* Reserve(at::Tensor& tensor, int64_t size) {
  if (!tensor.defined() || tensor.numel() < size) {
    tensor.reset();  // its memory before that of the next
    tensor = at::empty({size}, at::kFloat);
  }
  return tensor.data_ptr<float>();
}

}  // namespace

// Both ways, and the rooms they take place in.
class CouplingPasses {
 public:
  CouplingPasses(const kernels::CouplingFlowShape& shape, at::Tensor mean, at::Tensor deviation)
      : shape_(shape),
        num_parameters_(shape.num_parameters()),
        most_parts_(std::clamp<int64_t>(kMostSums / num_parameters_, 1, kParts)),
        mean_(mean.contiguous()),
        deviation_(deviation.contiguous()) {}

  const kernels::CouplingFlowShape& shape() const { return shape_; }

  std::unique_ptr<Room> Take() {
    const std::lock_guard lock(mutex_);
    if (rooms_.empty()) {
      rooms_.reserve(++made_);  // so that Give, which destructors call, has nothing to allocate
      return std::make_unique<Room>();
    }
    std::unique_ptr<Room> room = std::move(rooms_.back());
    rooms_.pop_back();
    return room;
  }

  void Give(std::unique_ptr<Room> room) {
    const std::lock_guard lock(mutex_);
    rooms_.push_back(std::move(room));
  }

  // `keeps`: whether there will be a way back.
  Batch Forward(const at::Tensor& parameters, const Noise& noise, bool keeps, Room& room) const {
    const at::Tensor z = noise.z.contiguous(), base = noise.log_density.contiguous();
    Batch batch{.x = at::empty_like(z), .log_density = at::empty_like(base)};
    const int64_t count = z.size(0), dimension = shape_.dimension;
    kernels::PrepareCouplingFlow(shape_, parameters.const_data_ptr<float>(), Reserve(room.matrices, shape_.matrices_size()));
    const kernels::CouplingFlowWeights weights = WeightsAt(parameters, room);
    float* record = keeps ? Reserve(room.record, Runs(count) * RecordOfRun()) : nullptr;
    float* scratch = Reserve(room.scratch, at::get_num_threads() * ScratchOfThread());
    const float* from = z.const_data_ptr<float>();
    const float* base_at = base.const_data_ptr<float>();
    float* x = batch.x.data_ptr<float>();
    float* log_density = batch.log_density.data_ptr<float>();
    ForEachRun(count, kParts, [&](int64_t /*part*/, int64_t first, int64_t points) {
      kernels::CouplingFlowForward(shape_, weights, from + first * dimension, base_at + first, points, x + first * dimension,
                                   log_density + first, record == nullptr ? nullptr : record + first / kFlowPoints * RecordOfRun(),
                                   scratch + at::get_thread_num() * ScratchOfThread());
    });
    return batch;
  }

  // By the parameters. `by_log_density` may be undefined.
  at::Tensor Backward(const at::Tensor& parameters, const at::Tensor& by_x, const at::Tensor& by_log_density, Room& room) const {
    const kernels::CouplingFlowWeights weights = WeightsAt(parameters, room);
    const int64_t count = by_x.size(0), dimension = shape_.dimension;
    const float* record = room.record.const_data_ptr<float>();
    const float* from = by_x.const_data_ptr<float>();
    const float* log_from = by_log_density.defined() ? by_log_density.const_data_ptr<float>() : nullptr;
    float* scratch = Reserve(room.scratch, at::get_num_threads() * ScratchOfThread());
    const int64_t parts = std::min(most_parts_, Runs(count));
    float* sums = Reserve(room.sums, parts * num_parameters_);
    std::fill_n(sums, parts * num_parameters_, 0.0f);
    ForEachRun(count, parts, [&](int64_t part, int64_t first, int64_t points) {
      kernels::CouplingFlowBackward(shape_, weights, record + first / kFlowPoints * RecordOfRun(), from + first * dimension,
                                    log_from == nullptr ? nullptr : log_from + first, points, sums + part * num_parameters_,
                                    scratch + at::get_thread_num() * ScratchOfThread());
    });
    return room.sums.narrow(0, 0, parts * num_parameters_).view({parts, num_parameters_}).sum(0);
  }

 private:
  static int64_t Runs(int64_t count) { return (count + kFlowPoints - 1) / kFlowPoints; }
  int64_t RecordOfRun() const { return shape_.record_size() * (kFlowPoints / kernels::kPanel); }
  int64_t ScratchOfThread() const { return std::max(shape_.forward_scratch_size(), shape_.backward_scratch_size()); }

  kernels::CouplingFlowWeights WeightsAt(const at::Tensor& parameters, const Room& room) const {
    return {.parameters = parameters.const_data_ptr<float>(),
            .matrices = room.matrices.const_data_ptr<float>(),
            .mean = mean_.const_data_ptr<float>(),
            .deviation = deviation_.const_data_ptr<float>()};
  }

  // Calls work(part, first, count) for runs of at most kFlowPoints points.
  template <class Work>
  static void ForEachRun(int64_t count, int64_t most_parts, const Work& work) {
    const int64_t runs = Runs(count), parts = std::min(most_parts, runs);
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        for (int64_t run = runs * part / parts; run < runs * (part + 1) / parts; ++run) {
          const int64_t first = run * kFlowPoints;
          work(part, first, std::min(kFlowPoints, count - first));
        }
      }
    });
  }

  const kernels::CouplingFlowShape shape_;
  const int64_t num_parameters_, most_parts_;
  const at::Tensor mean_, deviation_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Room>> rooms_;  // that no batch is in
  size_t made_ = 0;                           // rooms, as many as there were batches at once
};

namespace {

// A room that a graph holds, given back with it.
struct Held : torch::CustomClassHolder {
  explicit Held(std::shared_ptr<CouplingPasses> all) : passes(std::move(all)), room(passes->Take()) {}
  ~Held() override { passes->Give(std::move(room)); }
  std::shared_ptr<CouplingPasses> passes;
  std::unique_ptr<Room> room;
};

class CouplingFlowFunction : public torch::autograd::Function<CouplingFlowFunction> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& parameters, const at::Tensor& z, const at::Tensor& base,
                               const std::shared_ptr<CouplingPasses>& passes) {
    auto held = c10::make_intrusive<Held>(passes);
    Batch batch = passes->Forward(parameters, {.z = z, .log_density = base}, /*keeps=*/true, *held->room);
    context->save_for_backward({parameters});
    context->saved_data["held"] = c10::IValue::make_capsule(std::move(held));
    context->set_materialize_grads(false);
    return {std::move(batch.x), std::move(batch.log_density)};
  }

  static variable_list backward(AutogradContext* context, const variable_list& by) {
    const auto held = c10::static_intrusive_pointer_cast<Held>(context->saved_data["held"].toCapsule());
    const at::Tensor parameters = context->get_saved_variables()[0];
    const int64_t dimension = held->passes->shape().dimension;
    const at::Tensor by_log_density = by[1].defined() ? by[1].contiguous() : at::Tensor();
    const at::Tensor by_x = by[0].defined() ? by[0].contiguous() : at::zeros({by[1].size(0), dimension}, by[1].options());
    return {held->passes->Backward(parameters, by_x, by_log_density, *held->room), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

CouplingFlow::CouplingFlow(const kernels::CouplingFlowShape& shape, at::Tensor mean, at::Tensor deviation)
    : passes_(std::make_shared<CouplingPasses>(shape, std::move(mean), std::move(deviation))) {}

Batch CouplingFlow::Push(const at::Tensor& parameters, const Noise& noise) const {
  const at::Tensor flat = parameters.contiguous();
  if (at::GradMode::is_enabled() && flat.requires_grad()) {
    variable_list pushed = CouplingFlowFunction::apply(flat, noise.z, noise.log_density, passes_);
    return {.x = std::move(pushed[0]), .log_density = std::move(pushed[1])};
  }
  std::unique_ptr<Room> room = passes_->Take();
  Batch batch = passes_->Forward(flat, noise, /*keeps=*/false, *room);
  passes_->Give(std::move(room));
  return batch;
}

}  // namespace sliceflow::engine
