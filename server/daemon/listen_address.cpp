#include "server/daemon/listen_address.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sliceflow::daemon {

std::string ListenAddress::ToString() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return is_v6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

bool ListenAddress::loopback() const { return host == "localhost" || host == "::1" || absl::StartsWith(host, "127."); }

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  const absl::Status malformed = absl::InvalidArgumentError(
      absl::StrCat("--listen ", text, ": must be HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:50051 or [::1]:0"));
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return malformed;
  absl::string_view host = text.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") != absl::ConsumeSuffix(&host, "]")) return malformed;
  ListenAddress address;
  address.host = std::string(host);
  const bool is_number = absl::SimpleAtoi(text.substr(colon + 1), &address.port);
  if (!is_number || address.port < 0 || address.port > 65535 || host.empty()) return malformed;
  return address;
}

}  // namespace sliceflow::daemon
