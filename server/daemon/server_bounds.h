// Bounds on what one peer of a gRPC server can make it do.
#pragma once

#include <grpcpp/server_builder.h>

#include "absl/time/time.h"

namespace sliceflow::daemon {

// Chunks are of 1 MiB; a job's specification is the largest single message.
inline constexpr int kMaxMessageBytes = 16 << 20;

// Sizes of messages, streams of a connection, time for its handshake, and pings: the server asks a silent connection every minute whether
// it is there, and ends one that asks more often than `least_ping_interval`.
void SetConnectionBounds(grpc::ServerBuilder& builder, absl::Duration least_ping_interval);

}  // namespace sliceflow::daemon
