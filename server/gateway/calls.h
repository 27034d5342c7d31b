// Calls of the contract over HTTP/1.1: translated, and forwarded into the gRPC server of this process, whose door, limits and errors are
// theirs too.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/gateway/client_socket.h"
#include "server/gateway/request_reader.h"
#include "server/gateway/wire.h"

namespace sliceflow::gateway {

// POST of /sliceflow.v1.SERVICE/METHOD as gRPC-Web or Connect, in protobuf or JSON, of methods that take one message; others are
// UNIMPLEMENTED. A call ends when its client goes away, or takes nothing for a minute. Thread-safe.
class Calls {
 public:
  // `on_loopback`: whether the port is this machine's alone (CheckOrigin). `peer_word`: see common/forwarded_peer.h.
  Calls(bool on_loopback, std::string peer_word) : on_loopback_(on_loopback), peer_word_(std::move(peer_word)) {}

  // Takes calls from now on; before, they are UNAVAILABLE.
  void Open(std::shared_ptr<grpc::Channel> channel);

  // Writes the whole answer. `request` is of a call; its socket stays the caller's.
  void Answer(const RequestReader::Request& request, const ClientSocket& client);

  // Whether the answer of a call may take as long as it likes.
  static bool IsStream(const RequestHead& call);

 private:
  const bool on_loopback_;
  const std::string peer_word_;
  absl::Mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::gateway
