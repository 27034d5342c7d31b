// What gRPC and protobuf themselves have to say, in the daemon's log.
#pragma once

namespace sliceflow::daemon {

// From now on the libraries' own lines, which they would write to standard error in their own form, are lines of common/log.h with the field
// `source`, and bounded (LineBudget): clients bring them about. To be called before any thread uses gRPC.
void TakeLibraryLogs();

}  // namespace sliceflow::daemon
