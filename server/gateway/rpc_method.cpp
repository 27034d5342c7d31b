#include "server/gateway/rpc_method.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/errors.h"
#include "common/json.h"

namespace sliceflow::gateway {
namespace {

std::unique_ptr<google::protobuf::Message> NewMessage(const google::protobuf::Descriptor& type) {
  return std::unique_ptr<google::protobuf::Message>(google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

absl::Status Malformed(absl::string_view why) { return WithReason(absl::InvalidArgumentError(why), "MALFORMED_MESSAGE"); }

}  // namespace

const google::protobuf::MethodDescriptor* FindMethod(absl::string_view path) {
  if (!absl::StartsWith(path, kContractPath)) return nullptr;
  const std::string name = absl::StrReplaceAll(path.substr(1), {{"/", "."}});
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
}

absl::StatusOr<std::string> BytesOfJson(const google::protobuf::Descriptor& type, absl::string_view json) {
  const std::unique_ptr<google::protobuf::Message> message = NewMessage(type);
  // Connect sends nothing where a message has nothing.
  if (json.empty()) return std::string();
  if (const size_t valid = ValidUtf8Prefix(json); valid < json.size()) {
    return Malformed(absl::StrCat("the message is no JSON of ", type.full_name(), ": byte ", valid, " is not UTF-8"));
  }
  const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, message.get());
  if (!status.ok()) return Malformed(absl::StrCat("the message is no JSON of ", type.full_name(), ": ", status.ToString()));
  return message->SerializeAsString();
}

absl::Status CheckBytes(const google::protobuf::Descriptor& type, absl::string_view bytes) {
  const std::unique_ptr<google::protobuf::Message> message = NewMessage(type);
  if (message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return Malformed(absl::StrCat("the message is no ", type.full_name(), " in protobuf's bytes"));
}

absl::StatusOr<std::string> JsonOfBytes(const google::protobuf::Descriptor& type, const std::string& bytes) {
  const std::unique_ptr<google::protobuf::Message> message = NewMessage(type);
  if (!message->ParseFromString(bytes)) return absl::InternalError(absl::StrCat("the answer is no ", type.full_name()));
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(*message, &json);
  if (!status.ok()) return absl::InternalError(absl::StrCat("the answer cannot be told in JSON: ", status.ToString()));
  return json;
}

}  // namespace sliceflow::gateway
