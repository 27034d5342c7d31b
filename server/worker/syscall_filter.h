// Which system calls a worker may make once it has attached.
#pragma once

#include "absl/status/status.h"

namespace sliceflow::worker {

// Loads the filter into every thread of the process, for good. What is on its list is done. What libraries try by themselves and can do
// without (reading a file, asking for a terminal) fails with an errno. Anything else ends the process with kSandboxExit, after its name was
// written to standard error. Needs no_new_privs. FailedPrecondition where the kernel has no filters.
//
// With `gpu`, what NVIDIA's driver needs on the files that it opened before is let through: its ioctls, and shared memory of a file (not
// anonymous, which no limit counts). What it tries besides and may be refused fails with an errno. Written from its published headers and never
// run with a GPU.
absl::Status LoadSyscallFilter(bool gpu = false);

}  // namespace sliceflow::worker
