// The end of a worker whose device is lost.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "server/engine/flow.h"

namespace sliceflow::worker {

// After computing and before it is told: a device that is lost says nothing about the job, which another process goes on with from its last
// step; this one can compute nothing more.
inline void EndIfDeviceIsLost(const char* why) {
  if (!engine::DeviceIsLost()) return;
  std::fprintf(stderr, "%s\n", why);
  std::fflush(stderr);
  std::_Exit(EXIT_FAILURE);
}

}  // namespace sliceflow::worker
