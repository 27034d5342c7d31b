// Where the daemon listens.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sliceflow::daemon {

struct ListenAddress {
  std::string host;  // without brackets
  int port = 0;      // 0: a free one

  // As gRPC and the ready file write it; IPv6 hosts in brackets.
  std::string ToString() const;
  // Whether only this machine can reach it.
  bool loopback() const;
};

// HOST:PORT, [IPV6]:PORT. InvalidArgument saying what it must be.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

}  // namespace sliceflow::daemon
