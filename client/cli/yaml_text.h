// A protobuf message as a YAML text, as job files are written.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "absl/strings/string_view.h"

namespace sliceflow::cli {

// `name:` and the fields of `message` below it, in block style, lists of single values on one line. ReadYaml of a message with that field
// brings the same values back. No line feed at the end.
std::string YamlText(absl::string_view name, const google::protobuf::Message& message);

}  // namespace sliceflow::cli
