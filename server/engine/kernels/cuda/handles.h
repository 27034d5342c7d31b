// What CUDA's runtime gives out, owned.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace sliceflow::kernels::gpu {

// Given back once. An error of giving back is one of work before it, which whoever waited for that was told.
template <class Handle, cudaError_t (*kGiveBack)(Handle)>
class Owned {
 public:
  Owned() = default;
  ~Owned() { Reset(); }
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) {
      Reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }

  Handle get() const { return handle_; }
  // For a call that fills it in.
  Handle* Slot() {
    Reset();
    return &handle_;
  }
  void Reset() {
    if (handle_ != nullptr) (void)kGiveBack(std::exchange(handle_, nullptr));
  }

 private:
  Handle handle_ = nullptr;
};

using Stream = Owned<cudaStream_t, &cudaStreamDestroy>;
using Graph = Owned<cudaGraph_t, &cudaGraphDestroy>;
using GraphExec = Owned<cudaGraphExec_t, &cudaGraphExecDestroy>;

// An array of the device's memory. `count` of 0 is none.
template <class T>
class DeviceArray {
 public:
  cudaError_t Allocate(int64_t count) {
    if (count == 0) return cudaSuccess;
    return cudaMalloc(memory_.Slot(), static_cast<size_t>(count) * sizeof(T));
  }
  T* get() const { return static_cast<T*>(memory_.get()); }

 private:
  Owned<void*, &cudaFree> memory_;
};

// An array of the host's that copies go to and from without a detour, at the same place for as long as it lives.
template <class T>
class PinnedArray {
 public:
  cudaError_t Allocate(int64_t count) {
    if (count == 0) return cudaSuccess;
    return cudaMallocHost(memory_.Slot(), static_cast<size_t>(count) * sizeof(T));
  }
  T* get() const { return static_cast<T*>(memory_.get()); }

 private:
  Owned<void*, &cudaFreeHost> memory_;
};

}  // namespace sliceflow::kernels::gpu
