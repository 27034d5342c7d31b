// The calls of CUDA's runtime that the plugin makes, on the processor's memory. One thread at a time.
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "tests/support/emulated_gpu/emulation.h"

struct CUstream_st {
  bool recording = false;
  std::vector<std::function<void()>> recorded;
};
struct CUgraph_st {
  std::vector<std::function<void()>> work;
};
struct CUgraphExec_st {
  std::vector<std::function<void()>> work;
};

namespace {

// For good, as far as anybody launches.
constexpr int64_t kNeverBreaks = int64_t{1} << 62;

// A number in a file beside the library, or `otherwise`.
int64_t NumberBeside(const char* file, int64_t otherwise, bool remove) {
  Dl_info library{};
  if (dladdr(reinterpret_cast<void*>(&NumberBeside), &library) == 0) return otherwise;
  const std::filesystem::path note = std::filesystem::path(library.dli_fname).parent_path() / file;
  int64_t number = otherwise;
  if (std::ifstream(note) >> number && remove) std::filesystem::remove(note);
  return number;
}

struct Device {
  int64_t total = NumberBeside("memory", int64_t{4} << 30, false);
  int64_t taken = 0;
  std::map<void*, size_t> allocations;
  cudaError_t broken = cudaSuccess;
  int64_t instantiated = 0;
  int64_t launched = 0;
  int64_t refused = 0;
  int32_t graphs_to_refuse = 0;
  int64_t launches_left = NumberBeside("break_after", kNeverBreaks, true);
};

Device& TheDevice() {
  static auto& device = *new Device;
  return device;
}

// Filled with what no test expects: nothing may count on zeros.
void* Room(size_t bytes) {
  void* const memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xA5, bytes);
  return memory;
}

cudaError_t Sound() { return TheDevice().broken; }

}  // namespace

namespace sliceflow::emulated {

void Do(void* stream, std::function<void()> work) {
  auto* const to = static_cast<CUstream_st*>(stream);
  if (to->recording) {
    to->recorded.push_back(std::move(work));
  } else {
    work();
  }
}

}  // namespace sliceflow::emulated

using sliceflow::emulated::Do;

extern "C" {

__attribute__((visibility("default"))) void sliceflow_emulated_memory(int64_t bytes) { TheDevice().total = bytes; }

__attribute__((visibility("default"))) void sliceflow_emulated_break(int32_t error) {
  TheDevice().broken = static_cast<cudaError_t>(error);
}

__attribute__((visibility("default"))) void sliceflow_emulated_refuse_graphs(int32_t count) { TheDevice().graphs_to_refuse = count; }

__attribute__((visibility("default"))) void sliceflow_emulated_calls(int64_t* instantiated, int64_t* launched, int64_t* refused) {
  *instantiated = TheDevice().instantiated;
  *launched = TheDevice().launched;
  *refused = TheDevice().refused;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return cudaErrorInvalidDevice;
  *properties = {};
  std::strncpy(properties->name, "Emulated on the processor", sizeof properties->name - 1);
  properties->totalGlobalMem = static_cast<size_t>(TheDevice().total);
  properties->major = 8;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) { return device == 0 ? Sound() : cudaErrorInvalidDevice; }

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = static_cast<size_t>(std::max<int64_t>(0, TheDevice().total - TheDevice().taken));
  *total = static_cast<size_t>(TheDevice().total);
  return Sound();
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  Device& device = TheDevice();
  if (device.taken + static_cast<int64_t>(bytes) > device.total) {
    ++device.refused;
    return cudaErrorMemoryAllocation;
  }
  *memory = Room(bytes);
  device.taken += static_cast<int64_t>(bytes);
  device.allocations[*memory] = bytes;
  return Sound();
}

cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return Sound();
  Device& device = TheDevice();
  device.taken -= static_cast<int64_t>(device.allocations.at(memory));
  device.allocations.erase(memory);
  std::free(memory);
  return Sound();
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  *memory = Room(bytes);
  return Sound();
}

cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return Sound();
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
  *stream = new CUstream_st;
  return Sound();
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode /*mode*/) {
  stream->recording = true;
  stream->recorded.clear();
  return Sound();
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  stream->recording = false;
  *graph = new CUgraph_st{std::move(stream->recorded)};
  return Sound();
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long /*flags*/) {
  Device& device = TheDevice();
  if (device.graphs_to_refuse > 0) {
    --device.graphs_to_refuse;
    ++device.refused;
    return cudaErrorMemoryAllocation;
  }
  *exec = new CUgraphExec_st{graph->work};
  ++device.instantiated;
  return Sound();
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t /*stream*/) {
  ++TheDevice().launched;
  if (--TheDevice().launches_left < 0) TheDevice().broken = cudaErrorIllegalAddress;
  for (const auto& work : exec->work) work();
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t /*stream*/) { return Sound(); }

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind /*kind*/, cudaStream_t stream) {
  Do(stream, [=] { std::memcpy(to, from, bytes); });
  return Sound();
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  Do(stream, [=] { std::memset(memory, value, bytes); });
  return Sound();
}

cudaError_t cudaGetLastError() { return Sound(); }
const char* cudaGetErrorString(cudaError_t error) { return error == cudaErrorMemoryAllocation ? "out of memory" : "an emulated error"; }
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation" : "cudaErrorEmulated";
}

}  // extern "C"
