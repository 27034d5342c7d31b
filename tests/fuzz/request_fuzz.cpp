// Requests of HTTP as they come to the gateway: a head, and behind it the body of a call.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "server/gateway/origin.h"
#include "server/gateway/request_head.h"
#include "server/gateway/rpc_method.h"
#include "server/gateway/wire.h"
#include "tests/fuzz/require.h"

namespace sliceflow::fuzz {
namespace {

void CheckMessage(const gateway::Wire& wire, const google::protobuf::MethodDescriptor& method, absl::string_view message) {
  const std::string framed = gateway::MessagePrefix(wire.framing, message.size()) + std::string(message);
  Require(*gateway::MessageOf(wire.framing, framed) == message, "what is framed is read back");
  if (wire.codec != gateway::Codec::kJson) return;
  const absl::StatusOr<std::string> bytes = gateway::BytesOfJson(*method.input_type(), message);
  if (!bytes.ok()) return Require(absl::IsInvalidArgument(bytes.status()), "JSON that is not taken is the client's mistake");
  const absl::StatusOr<std::string> json = gateway::JsonOfBytes(*method.input_type(), *bytes);
  Require(json.ok() && gateway::BytesOfJson(*method.input_type(), *json).ok(), "what was taken can be told and taken again");
}

void CheckRequest(absl::string_view text) {
  const size_t end = text.find("\r\n\r\n");
  const size_t head_bytes = end == absl::string_view::npos ? text.size() : end + 4;
  const absl::StatusOr<gateway::RequestHead> head = gateway::ReadHead(text.substr(0, head_bytes));
  if (!head.ok()) return Require(absl::IsInvalidArgument(head.status()), "what is no head is refused as such");
  Require(!head->method.empty() && head->path[0] == '/' && head->content_length >= -1, "a head is whole");
  (void)gateway::CheckOrigin(*head, true);
  const std::optional<gateway::Wire> wire = gateway::WireOf(head->Field("content-type"));
  if (!wire.has_value()) return;
  (void)gateway::TimeoutOf(wire->framing, *head);
  const google::protobuf::MethodDescriptor* const method = gateway::FindMethod(head->path);
  const absl::StatusOr<absl::string_view> message = gateway::MessageOf(wire->framing, text.substr(head_bytes));
  if (method != nullptr && message.ok()) CheckMessage(*wire, *method, *message);
}

}  // namespace
}  // namespace sliceflow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sliceflow::fuzz::CheckRequest({reinterpret_cast<const char*>(data), size});
  return 0;
}
