// The GPUs of this machine, as NVIDIA's management library (NVML) lists them. It comes with the driver and is looked for when it is asked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sliceflow::daemon {

struct Gpu {
  std::string id;  // as CUDA_VISIBLE_DEVICES takes it: GPU-… or MIG-…
  std::string name;
  int64_t memory_bytes = 0;
};

// In the order of their places on the bus. One that is divided (MIG) is listed as its parts, of which CUDA shows a process one. NotFound where
// there is no library, hence no driver; Unavailable with what the library says.
absl::StatusOr<std::vector<Gpu>> ListGpus();

}  // namespace sliceflow::daemon
