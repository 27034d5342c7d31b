// The answer to a call, as its client is told it.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "absl/strings/string_view.h"
#include "server/gateway/client_socket.h"
#include "server/gateway/wire.h"

namespace sliceflow::gateway {

// Writes head and body. The body of a stream ends with the connection; that it is whole shows by its last frame. For one thread.
class Responder {
 public:
  Responder(const ClientSocket& client, const Wire& wire) : client_(client), wire_(wire) {}

  // False where the client is gone or takes nothing.
  bool Message(absl::string_view message);
  bool End(const grpc::Status& status);

  // In place of both: an answer such as "415 Unsupported Media Type", with the reason as its body, for people.
  static void Refuse(const ClientSocket& client, absl::string_view status_line, absl::string_view reason);

 private:
  const ClientSocket& client_;
  const Wire wire_;
  bool begun_ = false;
  std::string only_;  // the message of kConnectUnary, whose head needs to know how the call ended
};

}  // namespace sliceflow::gateway
