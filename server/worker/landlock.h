// Landlock, Linux's own cage for files, by its system calls: Debian 12's headers know its first version only.
#pragma once

#include "absl/status/status.h"

namespace sliceflow::worker {

// The version of Landlock that the kernel has; 0: none.
int LandlockVersion();

// From now on the calling thread, and those it makes, open, make, remove and rename no file at all, and where the version allows it signal
// no process outside and reach no abstract socket of one. Needs no_new_privs.
absl::Status CloseFileSystem(int version);

}  // namespace sliceflow::worker
