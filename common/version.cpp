#include "common/version.h"

namespace sliceflow {

absl::string_view Version() { return SLICEFLOW_VERSION; }

}  // namespace sliceflow
