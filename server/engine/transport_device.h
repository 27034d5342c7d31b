// Where sliced transport of this process is computed; flow.h has what is seen from outside (UseCuda, DeviceIsLost).
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "server/engine/kernels/sliced_transport.h"

namespace sliceflow::engine {

// On the GPU in use, else on the processor with LibTorch's number of threads. Throws StatusError where the GPU's memory does not suffice.
std::unique_ptr<kernels::SlicedTransport> MakeTransport(const kernels::SlicedTransportShape& shape);

// Throws StatusError. That a GPU is lost is remembered.
[[noreturn]] void ThrowTransportError(absl::Status status);

}  // namespace sliceflow::engine
