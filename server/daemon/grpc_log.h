// What gRPC itself has to say, in the daemon's log.
#pragma once

namespace sliceflow::daemon {

// From now on gRPC's own lines, which it would write to standard error in its own form, are lines of common/log.h with the field `source`.
// To be called before any thread uses gRPC.
void TakeGrpcLog();

}  // namespace sliceflow::daemon
