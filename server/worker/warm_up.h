// What LibTorch reads of the machine, read before the worker may read files no more.
#pragma once

#include "absl/status/status.h"

namespace sliceflow::worker {

// Computes a step of a small flow, on this thread only: the processor's features, its topology and the system's randomness are asked for
// once, on first use. Without it a caged worker would take its processor for one without vector instructions.
absl::Status WarmUp();

}  // namespace sliceflow::worker
