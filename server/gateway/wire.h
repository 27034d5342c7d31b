// The protocols by which browsers call: gRPC-Web (github.com/grpc/grpc, doc/PROTOCOL-WEB.md) and Connect (connectrpc.com/docs/protocol).
// What they have in common here: one request message, then one or more of the answer, then how it ended.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/gateway/request_head.h"

namespace sliceflow::gateway {

enum class Framing { kGrpcWeb, kConnectUnary, kConnectStream };
enum class Codec { kProto, kJson };

struct Wire {
  Framing framing;
  Codec codec;
};

// By the value of Content-Type; nullopt for any other.
std::optional<Wire> WireOf(absl::string_view content_type);
// Which content types there are, for people.
std::string ContentTypes();
// The value of Content-Type that answers of a wire have.
absl::string_view ContentTypeOf(const Wire& wire);

// The message that a request's body holds. InvalidArgument where the body is cut off, compressed, or of more than one.
absl::StatusOr<absl::string_view> MessageOf(Framing framing, absl::string_view body);

// How long the client waits (grpc-timeout, connect-timeout-ms); nullopt where it does not say. InvalidArgument for what is no time.
absl::StatusOr<std::optional<absl::Duration>> TimeoutOf(Framing framing, const RequestHead& head);

// What stands before a message of the answer, of so many bytes, in the body.
std::string MessagePrefix(Framing framing, size_t size);
// The end of an answer's body; empty with kConnectUnary, where `StatusLineOf` and `ErrorJson` tell it.
std::string FramedEnd(Framing framing, const grpc::Status& status);

// Status of HTTP, such as "404 Not Found", that tells the code. Only kConnectUnary has another than 200.
absl::string_view StatusLineOf(grpc::StatusCode code);
// {"code", "message", "details"} as Connect has it; details are those of google.rpc.Status.
std::string ErrorJson(const grpc::Status& status);

}  // namespace sliceflow::gateway
