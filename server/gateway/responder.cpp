#include "server/gateway/responder.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace sliceflow::gateway {
namespace {

constexpr absl::Duration kStall = absl::Minutes(1);
constexpr size_t kShort = size_t{16} << 10;
constexpr absl::string_view kJson = "application/json";

std::string Head(absl::string_view status_line, absl::string_view more) {
  return absl::StrCat("HTTP/1.1 ", status_line, "\r\nConnection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
                      more, "\r\n");
}

std::string WithLength(absl::string_view status_line, absl::string_view type, absl::string_view body) {
  return absl::StrCat(Head(status_line, absl::StrCat("Content-Type: ", type, "\r\nContent-Length: ", body.size(), "\r\n")), body);
}

}  // namespace

bool Responder::Message(absl::string_view message) {
  if (wire_.framing == Framing::kConnectUnary) {
    only_ = std::string(message);
    return true;
  }
  const std::string head = begun_ ? "" : Head("200 OK", absl::StrCat("Content-Type: ", ContentTypeOf(wire_), "\r\n"));
  begun_ = true;
  // A long message is not copied for its prefix.
  const std::string before = absl::StrCat(head, MessagePrefix(wire_.framing, message.size()));
  if (message.size() < kShort) return client_.Send(absl::StrCat(before, message), kStall);
  return client_.Send(before, kStall) && client_.Send(message, kStall);
}

bool Responder::End(const grpc::Status& status) {
  if (wire_.framing != Framing::kConnectUnary) {
    const std::string head = begun_ ? "" : Head("200 OK", absl::StrCat("Content-Type: ", ContentTypeOf(wire_), "\r\n"));
    return client_.Send(absl::StrCat(head, FramedEnd(wire_.framing, status)), kStall);
  }
  if (!status.ok()) return client_.Send(WithLength(StatusLineOf(status.error_code()), kJson, ErrorJson(status)), kStall);
  return client_.Send(WithLength("200 OK", ContentTypeOf(wire_), only_), kStall);
}

void Responder::Refuse(const ClientSocket& client, absl::string_view status_line, absl::string_view reason) {
  (void)client.Send(WithLength(status_line, "text/plain; charset=utf-8", absl::StrCat(reason, "\n")), kStall);
}

}  // namespace sliceflow::gateway
