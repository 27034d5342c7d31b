// Deadlines for gRPC.
#pragma once

#include <grpc/support/time.h>

#include "absl/time/time.h"

namespace sliceflow {

// A deadline that lies `time` ahead of the moment at which gRPC is given it; the beginning of the call for one of a call. A moment of the
// machine's clock would be another one once that is set, and absl::Now may tell the old time for two seconds after.
inline gpr_timespec WithinTime(absl::Duration time) { return gpr_time_from_nanos(absl::ToInt64Nanoseconds(time), GPR_TIMESPAN); }

}  // namespace sliceflow
