// The devices that one suite of sliced transport is run for.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/engine/kernels/cuda_plugin.h"
#include "server/engine/kernels/sliced_transport.h"

namespace sliceflow::kernels {

// `cpu`; `emulated` and `kernels`, the GPU plugin's code on the processor, with its kernels part by part or by their own sources
// (tests/support/emulated_gpu); `cuda:0`.
inline constexpr const char* kTransportDevices[] = {"cpu", "emulated", "kernels", "cuda:0"};

// The plugin of a device other than `cpu`, with the device in use, loaded once. An error says why there is none here.
absl::StatusOr<CudaPlugin*> PluginOf(const std::string& device);

absl::StatusOr<std::unique_ptr<SlicedTransport>> MakeTransportOn(const std::string& device, const SlicedTransportShape& shape);

// Skips the running test of a device that is not here; for SetUp, so that each is skipped by its name.
void SkipWithout(const std::string& device);

// For the names of tests.
std::string DeviceWord(const std::string& device);

}  // namespace sliceflow::kernels
