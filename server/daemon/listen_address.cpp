#include "server/daemon/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sliceflow::daemon {

std::string ListenAddress::ToString() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return is_v6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

// A name such as 127.example.org is no address, whatever it begins with.
bool ListenAddress::loopback() const {
  in_addr v4 = {};
  in6_addr v6 = {};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return host == "localhost";
}

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  absl::Status malformed = absl::InvalidArgumentError("HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:50051 or [::1]:0");
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
