// Which GPUs workers are started for.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/daemon/nvml.h"
#include "server/daemon/settings.h"
#include "server/scheduler/device.h"

namespace sliceflow::daemon {

// Of the setting `gpus`: `auto`, `none`, or numbers with commas between, each once. InvalidArgument whose message goes on after "must be".
absl::Status CheckGpus(absl::string_view text);

struct GpuDevice {
  std::string device;  // cuda:N, N its place among all that NVML lists
  Gpu gpu;
};

// `auto`: all there are, none where there is no driver or no plugin; what keeps it from them is logged. Numbers: these, FailedPrecondition where
// one is not there.
absl::StatusOr<std::vector<GpuDevice>> ChooseGpus(const Settings& settings);

// Their devices, otherwise as the processor's.
std::vector<scheduler::DeviceState> GpuStates(const std::vector<GpuDevice>& gpus, const scheduler::DeviceState& cpu);

}  // namespace sliceflow::daemon
