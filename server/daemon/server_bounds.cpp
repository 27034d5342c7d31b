#include "server/daemon/server_bounds.h"

namespace sliceflow::daemon {
namespace {

constexpr int kMaxStreamsOfConnection = 1000;
// From a connection's beginning to the first words of HTTP/2, TLS included. A connection that says nothing costs a descriptor.
constexpr int kHandshakeTime = 10'000;

}  // namespace

void SetConnectionBounds(grpc::ServerBuilder& builder, absl::Duration least_ping_interval) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfConnection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             static_cast<int>(absl::ToInt64Milliseconds(least_ping_interval)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTime);
}

}  // namespace sliceflow::daemon
