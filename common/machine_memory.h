// The memory of the machine, or of the container that this process is in.
#pragma once

#include <cstdint>

namespace sliceflow {

// The least of the machine's memory and of what its control group may take (cgroup v2 and v1). Unit: bytes.
int64_t MachineMemoryBytes();

}  // namespace sliceflow
