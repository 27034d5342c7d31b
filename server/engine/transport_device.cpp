#include "server/engine/transport_device.h"

#include <atomic>
#include <string>
#include <utility>

#include <ATen/Parallel.h>

#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "server/engine/flow.h"
#include "server/engine/guarded.h"
#include "server/engine/kernels/cuda_plugin.h"

namespace sliceflow::engine {
namespace {

// Of the process, set once before there is a flow.
struct Gpu {
  std::unique_ptr<kernels::CudaPlugin> plugin;
  kernels::gpu::Precision precision = kernels::gpu::Precision::kFp32;
};

std::unique_ptr<Gpu>& GpuInUse() {
  static auto& gpu = *new std::unique_ptr<Gpu>;
  return gpu;
}

std::atomic<bool> lost{false};

}  // namespace

std::unique_ptr<kernels::SlicedTransport> MakeTransport(const kernels::SlicedTransportShape& shape) {
  const Gpu* const gpu = GpuInUse().get();
  if (gpu == nullptr) return kernels::MakeCpuSlicedTransport(shape, at::get_num_threads());
  auto transport = gpu->plugin->MakeTransport(shape, gpu->precision);
  if (!transport.ok()) ThrowTransportError(transport.status());
  return *std::move(transport);
}

void ThrowTransportError(absl::Status status) {
  if (GpuInUse() != nullptr && absl::IsInternal(status)) lost = true;
  if (GpuInUse() != nullptr && absl::IsResourceExhausted(status)) status.SetPayload(kOfGpu, absl::Cord());
  throw StatusError(std::move(status));
}

absl::Status UseCuda(const std::string& plugin_path, int device, const std::string& precision) {
  const absl::StatusOr<kernels::gpu::Precision> parsed = kernels::ParsePrecision(precision);
  if (!parsed.ok()) return parsed.status();
  absl::StatusOr<std::unique_ptr<kernels::CudaPlugin>> plugin = kernels::CudaPlugin::Load(plugin_path);
  if (!plugin.ok()) return plugin.status();
  if (absl::Status status = (*plugin)->Use(device); !status.ok()) return status;
  if (absl::Status status = kernels::CheckCudaTransport(**plugin, *parsed); !status.ok()) return status;
  GpuInUse() = std::make_unique<Gpu>(Gpu{*std::move(plugin), *parsed});
  return absl::OkStatus();
}

bool DeviceIsLost() { return lost; }

}  // namespace sliceflow::engine
