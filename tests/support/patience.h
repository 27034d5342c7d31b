// How long a test waits for what must come.
#pragma once

#include "absl/time/time.h"

namespace sliceflow::testing {

// Every wait ends, also in a test that fails; long enough for a loaded machine.
inline constexpr absl::Duration kPatience = absl::Seconds(60);

}  // namespace sliceflow::testing
