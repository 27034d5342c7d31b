#include "server/gateway/calls.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/errors.h"
#include "common/forwarded_peer.h"
#include "common/grpc_status.h"
#include "common/quoted.h"
#include "server/gateway/forwarded_call.h"
#include "server/gateway/origin.h"
#include "server/gateway/responder.h"
#include "server/gateway/rpc_method.h"

namespace sliceflow::gateway {
namespace {

using google::protobuf::MethodDescriptor;

constexpr absl::Duration kUnaryTime = absl::Minutes(1);  // where the client says none
// What of a request's fields the services read.
constexpr const char* kForwarded[] = {"authorization", "x-request-id", "traceparent"};

std::map<std::string, std::string> MetadataOf(const RequestReader::Request& request, const std::string& peer_word) {
  std::map<std::string, std::string> metadata;
  for (const char* name : kForwarded) {
    if (const absl::string_view value = request.head.Field(name); !value.empty()) metadata.emplace(name, value);
  }
  metadata.emplace(kPeerKey, absl::StrCat(peer_word, " ", request.from.peer));
  return metadata;
}

absl::Status CertificateMissing() {
  return WithReason(absl::UnauthenticatedError("this server asks for a client's certificate (mutual TLS)"), "CLIENT_CERTIFICATE_MISSING");
}

struct Asked {
  const MethodDescriptor* method;
  std::string message;  // in protobuf's bytes
  absl::Time deadline;
};

absl::StatusOr<const MethodDescriptor*> MethodOf(const Wire& wire, const std::string& path) {
  const MethodDescriptor* const method = FindMethod(path);
  if (method == nullptr) return absl::UnimplementedError(absl::StrCat("there is no method ", Quoted(path)));
  if (method->client_streaming())
    return absl::UnimplementedError(absl::StrCat(path, " takes a stream of messages, which only gRPC can send"));
  if (wire.framing != Framing::kGrpcWeb && method->server_streaming() != (wire.framing == Framing::kConnectStream)) {
    return absl::UnimplementedError(
        absl::StrCat(path, method->server_streaming() ? " answers with a stream: its content type is application/connect+json or +proto"
                                                      : " answers once: its content type is application/json or application/proto"));
  }
  return method;
}

absl::StatusOr<Asked> Understand(const Wire& wire, const RequestReader::Request& request) {
  const absl::StatusOr<const MethodDescriptor*> method = MethodOf(wire, request.head.path);
  if (!method.ok()) return method.status();
  const absl::StatusOr<absl::string_view> message = MessageOf(wire.framing, request.body);
  if (!message.ok()) return message.status();
  const absl::StatusOr<std::optional<absl::Duration>> timeout = TimeoutOf(wire.framing, request.head);
  if (!timeout.ok()) return timeout.status();
  const google::protobuf::Descriptor& type = *(*method)->input_type();
  absl::StatusOr<std::string> bytes = std::string(*message);
  if (wire.codec == Codec::kJson) {
    bytes = BytesOfJson(type, *message);
  } else if (absl::Status status = CheckBytes(type, *message); !status.ok()) {
    return status;
  }
  if (!bytes.ok()) return bytes.status();
  const absl::Duration time = timeout->value_or((*method)->server_streaming() ? absl::InfiniteDuration() : kUnaryTime);
  return Asked{*method, *std::move(bytes), absl::Now() + time};
}

// To the end of the call, or until its client is gone.
grpc::Status Relay(ForwardedCall& call, const Wire& wire, const MethodDescriptor& method, const ClientSocket& client,
                   Responder& responder) {
  while (true) {
    if (std::optional<std::string> message = call.TakeMessage()) {
      absl::StatusOr<std::string> told(*std::move(message));
      if (wire.codec == Codec::kJson) told = JsonOfBytes(*method.output_type(), *told);
      if (!told.ok()) return ToGrpcStatus(told.status());
      if (!responder.Message(*told)) return grpc::Status::CANCELLED;
      call.ReadOn();
      continue;
    }
    if (const std::optional<grpc::Status> status = call.status()) return *status;
    if (client.Await(call.event(), absl::InfiniteDuration()) != ClientSocket::Wake::kEvent) return grpc::Status::CANCELLED;
  }
}

}  // namespace

void Calls::Open(std::shared_ptr<grpc::Channel> channel) {
  const absl::MutexLock lock(&mutex_);
  channel_ = std::move(channel);
}

bool Calls::IsStream(const RequestHead& call) {
  const MethodDescriptor* const method = FindMethod(call.path);
  return method != nullptr && method->server_streaming();
}

void Calls::Answer(const RequestReader::Request& request, const ClientSocket& client) {
  const std::optional<Wire> wire = WireOf(request.head.Field("content-type"));
  if (!wire.has_value()) return Responder::Refuse(client, "415 Unsupported Media Type", ContentTypes());
  Responder responder(client, *wire);
  const auto refuse = [&](const absl::Status& status) { (void)responder.End(ToGrpcStatus(status)); };
  if (const absl::Status status = CheckOrigin(request.head, on_loopback_); !status.ok()) return refuse(status);
  if (!request.from.is_known) return refuse(CertificateMissing());
  const absl::StatusOr<Asked> asked = Understand(*wire, request);
  if (!asked.ok()) return refuse(asked.status());
  std::shared_ptr<grpc::Channel> channel;
  {
    const absl::MutexLock lock(&mutex_);
    channel = channel_;
  }
  if (channel == nullptr) return refuse(absl::UnavailableError("the server is starting"));
  ForwardedCall call(channel, request.head.path, MetadataOf(request, peer_word_), asked->deadline, asked->message);
  (void)responder.End(Relay(call, *wire, *asked->method, client, responder));
}

}  // namespace sliceflow::gateway
