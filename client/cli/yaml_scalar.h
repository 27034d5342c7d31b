// One scalar of a YAML text as a value of a protobuf field.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

#include "yaml-cpp/yaml.h"

namespace sliceflow::cli {

// Sets `field` of `message` (appends to it where it is repeated) from a scalar node, as the JSON mapping of protobuf reads it: numbers also
// as 1e-3, .5, .inf and .nan or quoted, enums by name or number, bytes as base64. Answers what is wrong, or empty when it was set.
std::string SetScalar(const YAML::Node& node, const google::protobuf::FieldDescriptor& field, google::protobuf::Message* message);

}  // namespace sliceflow::cli
