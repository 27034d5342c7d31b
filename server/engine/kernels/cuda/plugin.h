// The face of libsliceflow_cuda.so: one C function, plain structs, nothing of any library's. The program that loads it and the plugin are of
// one build, which the version is for.
#pragma once

#include <cstdint>

namespace sliceflow::kernels::gpu {

inline constexpr int32_t kPluginVersion = 1;
inline constexpr char kPluginEntry[] = "SliceflowCudaPlugin";

enum class PluginCode : int32_t {
  kOk = 0,
  kOutOfMemory = 1,  // of the device, or of pinned memory; the context is sound
  kLost = 2,         // nothing more can be computed in this process
  kUnavailable = 3,  // no driver, no such device, or one that there are no kernels for
};

// One line for people, ended by 0.
struct PluginStatus {
  PluginCode code = PluginCode::kOk;
  char message[512] = {};
};

struct PluginDevice {
  char name[256] = {};
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
  int32_t major = 0;  // compute capability
  int32_t minor = 0;
};

// As SlicedTransportShape.
struct PluginShape {
  int64_t max_x = 0;
  int64_t max_y = 0;
  int64_t max_directions = 0;
  int32_t dimension = 0;
};

// Pointers of the host's memory that the call reads or writes before it returns. Sizes fit the shape; the caller has checked.
struct PluginArguments {
  const float* x = nullptr;  // by row
  const float* y = nullptr;
  const float* x_weights = nullptr;  // null: all the same
  const float* y_weights = nullptr;
  const float* directions = nullptr;
  int64_t x_count = 0;
  int64_t y_count = 0;
  int64_t direction_count = 0;
  double* values = nullptr;   // one a direction
  float* gradient = nullptr;  // null: not asked for
};

class DeviceTransport;

// Whoever calls `use` has a device of this process from then on; transports are made on it and each serves one thread at a time.
struct PluginTable {
  int32_t version;
  PluginStatus (*count)(int32_t* devices);
  PluginStatus (*describe)(int32_t device, PluginDevice* description);
  PluginStatus (*use)(int32_t device);
  PluginStatus (*make)(const PluginShape* shape, int32_t precision, DeviceTransport** transport);
  PluginStatus (*evaluate)(DeviceTransport* transport, const PluginArguments* arguments);
  void (*destroy)(DeviceTransport* transport);
};

// Null where the version is another.
using PluginEntry = const PluginTable* (*)(int32_t version);

}  // namespace sliceflow::kernels::gpu
