#include "common/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace sliceflow {
namespace {

// Within a container its own group is the root that it sees. `max`, a file that is not there, and v1's huge number for none do not count.
constexpr const char* kLimits[] = {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"};

}  // namespace

int64_t MachineMemoryBytes() {
  int64_t bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  for (const char* path : kLimits) {
    int64_t limit = 0;
    if (std::ifstream(path) >> limit && limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

}  // namespace sliceflow
