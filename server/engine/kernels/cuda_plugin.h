// Sliced transport on a GPU, by a plugin that is loaded when the program runs: one build serves machines with and without.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/engine/kernels/cuda/plugin.h"
#include "server/engine/kernels/cuda/precision.h"
#include "server/engine/kernels/sliced_transport.h"

namespace sliceflow::kernels {

struct CudaDevice {
  std::string name;
  int64_t total_bytes = 0;
  int major = 0;  // compute capability
  int minor = 0;
};

// The plugin, loaded for the life of the process. Thread-safe, but for Use.
class CudaPlugin {
 public:
  // FailedPrecondition that names what is missing: the plugin, NVIDIA's driver, or the plugin of this build.
  static absl::StatusOr<std::unique_ptr<CudaPlugin>> Load(const std::string& path);

  // FailedPrecondition where the driver answers with an error.
  absl::StatusOr<int> DeviceCount() const;
  absl::StatusOr<CudaDevice> Describe(int device) const;

  // Makes the device's context, once for the process and before transports are made. FailedPrecondition: there is no such device, or no
  // kernels for it.
  absl::Status Use(int device);

  // A transport on the device in use; must not outlive the plugin. ResourceExhausted where the device's memory does not suffice, also
  // for half of what was planned. Results are the same bits each time on one kind of device; they differ from the processor's by rounding.
  // Evaluate answers as the interface says, and ResourceExhausted in the same way; Internal once the device's context is lost: then nothing
  // more can be computed in this process.
  absl::StatusOr<std::unique_ptr<SlicedTransport>> MakeTransport(const SlicedTransportShape& shape, gpu::Precision precision) const;

 private:
  explicit CudaPlugin(const gpu::PluginTable& table) : table_(table) {}

  const gpu::PluginTable& table_;
};

// Computes small cases of each path on the device in use and compares with the plain version. FailedPrecondition with the case and by how much
// it is off: a device that computes anything else is not to be given work.
absl::Status CheckCudaTransport(const CudaPlugin& plugin, gpu::Precision precision);

// `fp32`, `tf32` or `bf16`; InvalidArgument otherwise.
absl::StatusOr<gpu::Precision> ParsePrecision(absl::string_view name);

}  // namespace sliceflow::kernels
