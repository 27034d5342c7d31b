// The version of this build.
#pragma once

#include "absl/strings/string_view.h"

namespace sliceflow {

// Such as 0.1.0: the version of the CMake project. One for daemon, worker and clients of a build.
absl::string_view Version();

}  // namespace sliceflow
