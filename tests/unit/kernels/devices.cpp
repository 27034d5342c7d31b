#include "tests/unit/kernels/devices.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace sliceflow::kernels {
namespace {

absl::StatusOr<std::unique_ptr<CudaPlugin>> LoadAndUse(const std::string& path) {
  if (path.empty()) return absl::NotFoundError("this build has none: it is for a sanitizer, or there was no CUDA compiler");
  auto plugin = CudaPlugin::Load(path);
  if (!plugin.ok()) return plugin;
  if (absl::Status status = (*plugin)->Use(0); !status.ok()) return status;
  return plugin;
}

}  // namespace

absl::StatusOr<CudaPlugin*> PluginOf(const std::string& device) {
  static const auto& emulated = *new auto(LoadAndUse(SLICEFLOW_EMULATED_CUDA));
  static const auto& kernels = *new auto(LoadAndUse(SLICEFLOW_EMULATED_KERNELS));
  static const auto& real = *new auto(LoadAndUse(SLICEFLOW_CUDA_LIBRARY));
  const auto& plugin = device == "emulated" ? emulated : device == "kernels" ? kernels : real;
  if (!plugin.ok()) return plugin.status();
  return plugin->get();
}

absl::StatusOr<std::unique_ptr<SlicedTransport>> MakeTransportOn(const std::string& device, const SlicedTransportShape& shape) {
  if (device == "cpu") return MakeCpuSlicedTransport(shape, 1);
  const auto plugin = PluginOf(device);
  if (!plugin.ok()) return plugin.status();
  return (*plugin)->MakeTransport(shape, gpu::Precision::kFp32);
}

void SkipWithout(const std::string& device) {
  if (device == "cpu") return;
  const auto plugin = PluginOf(device);
  if (!plugin.ok()) GTEST_SKIP() << device << ": " << plugin.status().message();
}

std::string DeviceWord(const std::string& device) {
  std::string word = device;
  word.erase(std::remove_if(word.begin(), word.end(), [](unsigned char c) { return std::isalnum(c) == 0; }), word.end());
  return word;
}

}  // namespace sliceflow::kernels
