// Sliced transport on one device: copies, kernels and copies back, recorded once for each size of call and played again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "server/engine/kernels/cuda/handles.h"
#include "server/engine/kernels/cuda/kernels.h"
#include "server/engine/kernels/cuda/plugin.h"
#include "server/engine/kernels/cuda/precision.h"

namespace sliceflow::kernels::gpu {

// One thread at a time. All memory, of the device and pinned, is taken when it is made; what a batch of directions needs is planned by what is
// free then. Where it does not suffice, then or when a call is recorded, everything is given back, the batch is halved, and it is tried once
// more. Results do not depend on the batch.
class DeviceTransport {
 public:
  static PluginStatus Make(const PluginShape& shape, Precision precision, std::unique_ptr<DeviceTransport>& made);
  PluginStatus Evaluate(const PluginArguments& arguments);

 private:
  // What is the same in all calls that one recording serves.
  struct CallSize {
    int64_t x_count = 0;
    int64_t y_count = 0;
    int64_t directions = 0;
    bool weighs_x = false;
    bool weighs_y = false;
    bool wants_gradient = false;
    bool operator==(const CallSize&) const = default;
    bool fused() const { return x_count == y_count && x_count <= kMostFused && !weighs_x && !weighs_y; }
  };

  struct Recording {
    CallSize size;
    GraphExec exec;
  };

  // One cloud: as it comes, by coordinate, and its masses.
  struct Side {
    PinnedArray<float> staged;
    PinnedArray<double> staged_masses;
    DeviceArray<float> rows;
    DeviceArray<float> columns;
    DeviceArray<double> masses;
  };

  struct Memory {
    Side x, y;
    PinnedArray<float> staged_directions, staged_gradient;
    PinnedArray<double> staged_values;
    DeviceArray<float> directions, differences, sums, gradient;
    DeviceArray<double> values, cumulative, costs;
    DeviceArray<uint32_t> keys[2], indices[2];
    DeviceArray<int64_t> offsets;
    DeviceArray<char> sort_room;
    size_t sort_bytes = 0;
    // A few sizes come in turns: a step's two distances, with and without gradients.
    std::array<Recording, 4> recordings;
    size_t oldest = 0;
  };

  DeviceTransport(const PluginShape& shape, Precision precision) : shape_(shape), precision_(precision) {}

  PluginStatus Reserve(int64_t rows);
  cudaError_t Allocate();
  cudaError_t AllocateSide(int64_t count, Side& side) const;
  void Halve();
  PluginStatus Attempt(const PluginArguments& arguments, const CallSize& size);
  PluginStatus Record(const CallSize& size, Recording& recording);
  cudaError_t Enqueue(const CallSize& size);
  cudaError_t EnqueueSide(const Side& side, int64_t count, bool weighs);
  cudaError_t EnqueueBatch(const CallSize& size, int64_t first, int64_t rows);
  static void Stage(const float* points, const float* weights, int64_t count, int dimension, const Side& side);

  const PluginShape shape_;
  const Precision precision_;
  Stream stream_;
  int64_t rows_ = 0;  // of a batch
  std::unique_ptr<Memory> memory_;
};

// Of the call that failed: memory, or anything else, after which the context is not to be trusted.
PluginStatus Told(cudaError_t error, const char* what);

}  // namespace sliceflow::kernels::gpu
