// Where the plugin for GPUs lies.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace sliceflow {

// Where libsliceflow_cuda.so is for the worker whose program is `worker`: what SLICEFLOW_CUDA_PLUGIN names, by an absolute path; else beside
// the program; else in ../lib/sliceflow from there, where `cmake --install` lays it. NotFound naming the places.
absl::StatusOr<std::string> FindCudaPlugin(const std::string& worker);

}  // namespace sliceflow
