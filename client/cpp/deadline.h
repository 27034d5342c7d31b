// Deadlines of calls.
#pragma once

#include <grpcpp/client_context.h>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/grpc_deadline.h"

namespace sliceflow::client {

// `deadline` is of Uptime. To be called just before the call begins.
inline void SetDeadline(grpc::ClientContext& context, absl::Duration deadline) { context.set_deadline(WithinTime(deadline - Uptime())); }

}  // namespace sliceflow::client
