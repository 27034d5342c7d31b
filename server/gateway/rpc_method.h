// The methods of the public contract, as the generated code describes them: nothing here knows a single one.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sliceflow::gateway {

// Before the names of services in paths: "/sliceflow.v1.JobService/GetJob".
inline constexpr absl::string_view kContractPath = "/sliceflow.v1.";

// Null where the contract has no such method.
const google::protobuf::MethodDescriptor* FindMethod(absl::string_view path);

// Between a message's bytes and protobuf's JSON. InvalidArgument for text that is no JSON of the type, with what is wrong and where;
// fields that the type does not have are refused.
absl::StatusOr<std::string> BytesOfJson(const google::protobuf::Descriptor& type, absl::string_view json);
// InvalidArgument for bytes that are no message of the type.
absl::Status CheckBytes(const google::protobuf::Descriptor& type, absl::string_view bytes);
absl::StatusOr<std::string> JsonOfBytes(const google::protobuf::Descriptor& type, const std::string& bytes);

}  // namespace sliceflow::gateway
