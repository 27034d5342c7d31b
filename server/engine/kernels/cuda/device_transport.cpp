#include "server/engine/kernels/cuda/device_transport.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "server/engine/kernels/cuda/memory_plan.h"

namespace sliceflow::kernels::gpu {
namespace {

// The first error of calls in order; later ones are not made.
class InOrder {
 public:
  template <class Call>
  InOrder& Then(const Call& call) {
    if (error_ == cudaSuccess) error_ = call();
    return *this;
  }
  cudaError_t error() const { return error_; }

 private:
  cudaError_t error_ = cudaSuccess;
};

template <class T>
cudaError_t CopyIn(const PinnedArray<T>& from, const DeviceArray<T>& to, int64_t count, cudaStream_t stream) {
  return cudaMemcpyAsync(to.get(), from.get(), static_cast<size_t>(count) * sizeof(T), cudaMemcpyHostToDevice, stream);
}

template <class T>
cudaError_t CopyOut(const DeviceArray<T>& from, const PinnedArray<T>& to, int64_t count, cudaStream_t stream) {
  return cudaMemcpyAsync(to.get(), from.get(), static_cast<size_t>(count) * sizeof(T), cudaMemcpyDeviceToHost, stream);
}

PluginStatus NoRoom(const PluginShape& shape, int64_t rows) {
  size_t free = 0, total = 0;
  (void)cudaMemGetInfo(&free, &total);
  const int64_t wanted = rows * RowBytes(shape);
  PluginStatus status{PluginCode::kOutOfMemory};
  (void)std::snprintf(
      status.message, sizeof status.message,
      "the device's memory does not suffice, also not for half of the directions at a time: sliced transport of %lld and %lld "
      "points in %d dimensions wants %lld bytes for %lld directions at a time; %lld of %lld bytes are free",
      static_cast<long long>(shape.max_x), static_cast<long long>(shape.max_y), shape.dimension, static_cast<long long>(wanted),
      static_cast<long long>(rows), static_cast<long long>(free), static_cast<long long>(total));
  return status;
}

}  // namespace

PluginStatus Told(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  (void)cudaGetLastError();  // an error of memory is told once
  const bool memory = error == cudaErrorMemoryAllocation;
  PluginStatus status{memory ? PluginCode::kOutOfMemory : PluginCode::kLost};
  (void)std::snprintf(status.message, sizeof status.message, "%s%s: %s (%s)", memory ? "" : "the device's context is lost: ", what,
                      cudaGetErrorString(error), cudaGetErrorName(error));
  return status;
}

PluginStatus DeviceTransport::Make(const PluginShape& shape, Precision precision, std::unique_ptr<DeviceTransport>& made) {
  if (!IsSortable(shape)) {
    const int64_t points = shape.max_x + shape.max_y;
    PluginStatus status{PluginCode::kUnavailable};
    (void)std::snprintf(status.message, sizeof status.message, "a device sorts at most %lld points of both clouds together, not %lld",
                        static_cast<long long>(kMostPoints), static_cast<long long>(points));
    return status;
  }
  std::unique_ptr<DeviceTransport> transport(new DeviceTransport(shape, precision));
  const cudaError_t error = cudaStreamCreateWithFlags(transport->stream_.Slot(), cudaStreamNonBlocking);
  if (error != cudaSuccess) return Told(error, "cudaStreamCreateWithFlags");
  size_t free = 0, total = 0;
  if (const cudaError_t asked = cudaMemGetInfo(&free, &total); asked != cudaSuccess) return Told(asked, "cudaMemGetInfo");
  PluginStatus status = transport->Reserve(PlanRows(shape, static_cast<int64_t>(free)));
  if (status.code == PluginCode::kOutOfMemory) {
    transport->Halve();
    status = transport->Reserve(transport->rows_);
    if (status.code == PluginCode::kOutOfMemory) return NoRoom(shape, transport->rows_);
  }
  if (status.code == PluginCode::kOk) made = std::move(transport);
  return status;
}

void DeviceTransport::Halve() {
  memory_.reset();
  rows_ = HalvedRows(rows_);
}

PluginStatus DeviceTransport::Reserve(int64_t rows) {
  rows_ = rows;
  memory_ = std::make_unique<Memory>();
  const cudaError_t error = Allocate();
  if (error != cudaSuccess) memory_.reset();
  return Told(error, "memory for sliced transport");
}

cudaError_t DeviceTransport::AllocateSide(int64_t count, Side& side) const {
  const int64_t entries = count * shape_.dimension;
  return InOrder()
      .Then([&] { return side.staged.Allocate(entries); })
      .Then([&] { return side.staged_masses.Allocate(count); })
      .Then([&] { return side.rows.Allocate(entries); })
      .Then([&] { return side.columns.Allocate(entries); })
      .Then([&] { return side.masses.Allocate(count); })
      .error();
}

cudaError_t DeviceTransport::Allocate() {
  Memory& memory = *memory_;
  const int64_t entries = shape_.max_x * shape_.dimension, items = rows_ * (shape_.max_x + shape_.max_y);
  InOrder calls;
  calls.Then([&] { return AllocateSide(shape_.max_x, memory.x); })
      .Then([&] { return AllocateSide(shape_.max_y, memory.y); })
      .Then([&] { return memory.staged_directions.Allocate(shape_.max_directions * shape_.dimension); })
      .Then([&] { return memory.directions.Allocate(shape_.max_directions * shape_.dimension); })
      .Then([&] { return memory.staged_values.Allocate(shape_.max_directions); })
      .Then([&] { return memory.values.Allocate(shape_.max_directions); })
      .Then([&] { return memory.staged_gradient.Allocate(entries); })
      .Then([&] { return memory.gradient.Allocate(entries); })
      .Then([&] { return memory.sums.Allocate(kSlices * entries); })
      .Then([&] { return memory.differences.Allocate(rows_ * shape_.max_x); })
      .Then([&] { return memory.cumulative.Allocate(items); })
      .Then([&] { return memory.costs.Allocate(rows_ * CostsOfRow(shape_.max_x)); })
      .Then([&] { return memory.offsets.Allocate(2 * rows_ + 1); })
      .Then([&] { return SortBytes(items, rows_, &memory.sort_bytes); })
      .Then([&] { return memory.sort_room.Allocate(static_cast<int64_t>(std::max<size_t>(memory.sort_bytes, 1))); });
  for (int buffer = 0; buffer < 2; ++buffer) {
    calls.Then([&] { return memory.keys[buffer].Allocate(items); }).Then([&] { return memory.indices[buffer].Allocate(items); });
  }
  return calls.error();
}

PluginStatus DeviceTransport::Evaluate(const PluginArguments& arguments) {
  const CallSize size{.x_count = arguments.x_count,
                      .y_count = arguments.y_count,
                      .directions = arguments.direction_count,
                      .weighs_x = arguments.x_weights != nullptr,
                      .weighs_y = arguments.y_weights != nullptr,
                      .wants_gradient = arguments.gradient != nullptr};
  // Memory that a second try did not get is asked for again.
  PluginStatus status = memory_ == nullptr ? Reserve(rows_) : PluginStatus{};
  if (status.code == PluginCode::kOk) status = Attempt(arguments, size);
  if (status.code != PluginCode::kOutOfMemory) return status;
  Halve();
  status = Reserve(rows_);
  if (status.code == PluginCode::kOk) status = Attempt(arguments, size);
  return status.code == PluginCode::kOutOfMemory ? NoRoom(shape_, rows_) : status;
}

PluginStatus DeviceTransport::Attempt(const PluginArguments& arguments, const CallSize& size) {
  Memory& memory = *memory_;
  auto known = std::find_if(memory.recordings.begin(), memory.recordings.end(),
                            [&](const Recording& recording) { return recording.exec.get() != nullptr && recording.size == size; });
  if (known == memory.recordings.end()) {
    known = memory.recordings.begin() + static_cast<std::ptrdiff_t>(memory.oldest);
    memory.oldest = (memory.oldest + 1) % memory.recordings.size();
    if (const PluginStatus status = Record(size, *known); status.code != PluginCode::kOk) return status;
  }
  Stage(arguments.x, arguments.x_weights, size.x_count, shape_.dimension, memory.x);
  Stage(arguments.y, arguments.y_weights, size.y_count, shape_.dimension, memory.y);
  std::copy_n(arguments.directions, size.directions * shape_.dimension, memory.staged_directions.get());
  if (const cudaError_t error = cudaGraphLaunch(known->exec.get(), stream_.get()); error != cudaSuccess) {
    return Told(error, "cudaGraphLaunch");
  }
  // Without an end of its own: who gives a computation up, or its device, ends the process.
  if (const cudaError_t error = cudaStreamSynchronize(stream_.get()); error != cudaSuccess) return Told(error, "cudaStreamSynchronize");
  std::copy_n(memory.staged_values.get(), size.directions, arguments.values);
  if (size.wants_gradient) std::copy_n(memory.staged_gradient.get(), size.x_count * shape_.dimension, arguments.gradient);
  return {};
}

void DeviceTransport::Stage(const float* points, const float* weights, int64_t count, int dimension, const Side& side) {
  std::copy_n(points, count * dimension, side.staged.get());
  if (weights == nullptr) return;
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(weights[i]);
  for (int64_t i = 0; i < count; ++i) side.staged_masses.get()[i] = RoundedMass(static_cast<double>(weights[i]), sum);
}

PluginStatus DeviceTransport::Record(const CallSize& size, Recording& recording) {
  recording.exec.Reset();
  if (const cudaError_t error = cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal); error != cudaSuccess) {
    return Told(error, "cudaStreamBeginCapture");
  }
  const cudaError_t enqueued = Enqueue(size);
  // Also after an error: the stream is of use again only then.
  Graph graph;
  const cudaError_t ended = cudaStreamEndCapture(stream_.get(), graph.Slot());
  if (enqueued != cudaSuccess) return Told(enqueued, "recording sliced transport");
  if (ended != cudaSuccess) return Told(ended, "cudaStreamEndCapture");
  if (const cudaError_t error = cudaGraphInstantiate(recording.exec.Slot(), graph.get(), 0); error != cudaSuccess) {
    return Told(error, "cudaGraphInstantiate");
  }
  recording.size = size;
  return {};
}

cudaError_t DeviceTransport::Enqueue(const CallSize& size) {
  const Memory& memory = *memory_;
  const int64_t entries = size.x_count * shape_.dimension;
  InOrder calls;
  calls.Then([&] { return EnqueueSide(memory.x, size.x_count, size.weighs_x); })
      .Then([&] { return EnqueueSide(memory.y, size.y_count, size.weighs_y); })
      .Then([&] { return CopyIn(memory.staged_directions, memory.directions, size.directions * shape_.dimension, stream_.get()); });
  if (size.wants_gradient) {
    calls.Then(
        [&] { return cudaMemsetAsync(memory.sums.get(), 0, static_cast<size_t>(kSlices * entries) * sizeof(float), stream_.get()); });
  }
  for (int64_t first = 0; first < size.directions; first += rows_) {
    calls.Then([&] { return EnqueueBatch(size, first, std::min(rows_, size.directions - first)); });
  }
  calls.Then([&] { return CopyOut(memory.values, memory.staged_values, size.directions, stream_.get()); });
  if (!size.wants_gradient) return calls.error();
  // Merged differences have the masses in them; of equal counts each is 1/n.
  const double mass =
      size.fused() || (size.x_count == size.y_count && !size.weighs_x && !size.weighs_y) ? 1.0 / static_cast<double>(size.x_count) : 1.0;
  const auto scale = static_cast<float>(2.0 * mass / static_cast<double>(size.directions));
  return calls.Then([&] { return FoldGradient(memory.sums.get(), entries, scale, memory.gradient.get(), stream_.get()); })
      .Then([&] { return CopyOut(memory.gradient, memory.staged_gradient, entries, stream_.get()); })
      .error();
}

cudaError_t DeviceTransport::EnqueueSide(const Side& side, int64_t count, bool weighs) {
  const int64_t dimension = shape_.dimension;
  return InOrder()
      .Then([&] { return CopyIn(side.staged, side.rows, count * dimension, stream_.get()); })
      .Then([&] { return Transpose(side.rows.get(), count, dimension, side.columns.get(), stream_.get()); })
      .Then([&] { return weighs ? CopyIn(side.staged_masses, side.masses, count, stream_.get()) : cudaSuccess; })
      .error();
}

cudaError_t DeviceTransport::EnqueueBatch(const CallSize& size, int64_t first, int64_t rows) {
  const Memory& memory = *memory_;
  const float* const directions = memory.directions.get() + first * shape_.dimension;
  float* const differences = size.wants_gradient ? memory.differences.get() : nullptr;
  double* const values = memory.values.get() + first;
  InOrder calls;
  if (size.fused()) {
    const FusedTask task{.x = memory.x.columns.get(),
                         .y = memory.y.columns.get(),
                         .directions = directions,
                         .count = static_cast<int>(size.x_count),
                         .dimension = shape_.dimension,
                         .differences = differences,
                         .values = values};
    calls.Then([&] { return Fused(task, rows, stream_.get()); });
  } else {
    const BatchTask task{.x = memory.x.columns.get(),
                         .y = memory.y.columns.get(),
                         .directions = directions,
                         .x_masses = size.weighs_x ? memory.x.masses.get() : nullptr,
                         .y_masses = size.weighs_y ? memory.y.masses.get() : nullptr,
                         .x_count = size.x_count,
                         .y_count = size.y_count,
                         .rows = rows,
                         .dimension = shape_.dimension,
                         .keys = {memory.keys[0].get(), memory.keys[1].get()},
                         .indices = {memory.indices[0].get(), memory.indices[1].get()},
                         .cumulative = memory.cumulative.get(),
                         .offsets = memory.offsets.get(),
                         .costs = memory.costs.get(),
                         .sort_room = memory.sort_room.get(),
                         .sort_bytes = memory.sort_bytes,
                         .differences = differences,
                         .values = values};
    calls.Then([&] { return Batch(task, stream_.get()); });
  }
  if (!size.wants_gradient) return calls.error();
  return calls
      .Then([&] {
        return AddGradient(precision_, differences, size.x_count, directions, shape_.dimension, rows, memory.sums.get(), stream_.get());
      })
      .error();
}

}  // namespace sliceflow::kernels::gpu
