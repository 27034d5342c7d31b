// The head of a request of HTTP/1.1 (RFC 9112): its first line and its fields.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sliceflow::gateway {

struct RequestHead {
  std::string method;                         // such as GET
  std::string path;                           // of the target, without what a question mark begins
  std::map<std::string, std::string> fields;  // by name in lower case; values of a repeated name are joined by ", "
  // Of the body; -1 where none is announced.
  int64_t content_length = -1;

  // The value of a field, or empty.
  absl::string_view Field(const std::string& name) const;
};

// Reads `text`, which ends with the empty line. InvalidArgument for what is no head: another protocol, a line without a colon, a folded
// line, a name that is no token, or lengths that contradict each other.
absl::StatusOr<RequestHead> ReadHead(absl::string_view text);

}  // namespace sliceflow::gateway
