// Which system calls a worker may make once it has attached.
#pragma once

#include "absl/status/status.h"

namespace sliceflow::worker {

// Loads the filter into every thread of the process, for good. What is on its list is done. What libraries try by themselves and can do
// without (reading a file, asking for a terminal) fails with an errno. Anything else ends the process with kSandboxExit, after its name was
// written to standard error. Needs no_new_privs. FailedPrecondition where the kernel has no filters.
absl::Status LoadSyscallFilter();

}  // namespace sliceflow::worker
