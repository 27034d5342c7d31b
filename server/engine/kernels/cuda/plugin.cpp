#include "server/engine/kernels/cuda/plugin.h"

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>

#include "server/engine/kernels/cuda/device_transport.h"
#include "server/engine/kernels/cuda/precision.h"

namespace sliceflow::kernels::gpu {
namespace {

// What there are kernels for, by their own code or through intermediate code.
constexpr int kLeastMajor = 8;

// CUDA keeps the device by thread, and whoever computes is not who began.
std::atomic<int32_t> used_device{0};

PluginStatus Unavailable(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  (void)cudaGetLastError();
  PluginStatus status{PluginCode::kUnavailable};
  (void)std::snprintf(status.message, sizeof status.message, "%s: %s (%s)", what, cudaGetErrorString(error), cudaGetErrorName(error));
  return status;
}

PluginStatus Count(int32_t* devices) { return Unavailable(cudaGetDeviceCount(devices), "no CUDA device can be asked for"); }

PluginStatus Describe(int32_t device, PluginDevice* description) {
  cudaDeviceProp properties{};
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, device); error != cudaSuccess) {
    return Unavailable(error, "cudaGetDeviceProperties");
  }
  (void)std::snprintf(description->name, sizeof description->name, "%s", properties.name);
  description->total_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  description->major = properties.major;
  description->minor = properties.minor;
  return {};
}

PluginStatus Use(int32_t device) {
  PluginDevice description;
  PluginStatus status = Describe(device, &description);
  if (status.code != PluginCode::kOk) return status;
  if (description.major < kLeastMajor) {
    status.code = PluginCode::kUnavailable;
    (void)std::snprintf(status.message, sizeof status.message, "%.200s has compute capability %d.%d; kernels begin at %d.0",
                        description.name, description.major, description.minor, kLeastMajor);
    return status;
  }
  status = Unavailable(cudaSetDevice(device), "cudaSetDevice");
  used_device = device;
  // The first call that needs one makes the context.
  return status.code == PluginCode::kOk ? Unavailable(cudaFree(nullptr), "making the device's context") : status;
}

PluginStatus MakeTransport(const PluginShape* shape, int32_t precision, DeviceTransport** transport) {
  try {
    if (const cudaError_t error = cudaSetDevice(used_device); error != cudaSuccess) return Told(error, "cudaSetDevice");
    std::unique_ptr<DeviceTransport> made;
    const PluginStatus status = DeviceTransport::Make(*shape, static_cast<Precision>(precision), made);
    *transport = made.release();
    return status;
  } catch (const std::exception& error) {  // of the host's memory
    PluginStatus status{PluginCode::kOutOfMemory};
    (void)std::snprintf(status.message, sizeof status.message, "the worker's memory: %s", error.what());
    return status;
  }
}

PluginStatus Evaluate(DeviceTransport* transport, const PluginArguments* arguments) {
  try {
    if (const cudaError_t error = cudaSetDevice(used_device); error != cudaSuccess) return Told(error, "cudaSetDevice");
    return transport->Evaluate(*arguments);
  } catch (const std::exception& error) {
    PluginStatus status{PluginCode::kOutOfMemory};
    (void)std::snprintf(status.message, sizeof status.message, "the worker's memory: %s", error.what());
    return status;
  }
}

void Destroy(DeviceTransport* transport) {
  (void)cudaSetDevice(used_device);
  delete transport;
}

constexpr PluginTable kTable{kPluginVersion, &Count, &Describe, &Use, &MakeTransport, &Evaluate, &Destroy};

}  // namespace

extern "C" __attribute__((visibility("default"))) const PluginTable* SliceflowCudaPlugin(int32_t version) {
  return version == kPluginVersion ? &kTable : nullptr;
}

}  // namespace sliceflow::kernels::gpu
