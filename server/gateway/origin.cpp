#include "server/gateway/origin.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/quoted.h"

namespace sliceflow::gateway {
namespace {

absl::Status Refused(absl::string_view what, absl::string_view value) {
  return WithReason(absl::PermissionDeniedError(absl::StrCat("a request of another page: ", what, " is ", Quoted(value))),
                    "ORIGIN_NOT_ALLOWED");
}

// Without the port; an address of IPv6 keeps its brackets.
absl::string_view NameOf(absl::string_view host) {
  const size_t colon = host.rfind(':');
  const bool has_port = colon != absl::string_view::npos && host.find(']', colon) == absl::string_view::npos;
  return has_port ? host.substr(0, colon) : host;
}

bool IsLoopbackName(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower == "localhost" || lower == "127.0.0.1" || lower == "[::1]";
}

}  // namespace

absl::Status CheckOrigin(const RequestHead& head, bool on_loopback) {
  const std::string host = absl::AsciiStrToLower(head.Field("host"));
  if (on_loopback && !IsLoopbackName(NameOf(host))) return Refused("Host", host);
  const absl::string_view site = head.Field("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") return Refused("Sec-Fetch-Site", site);
  const std::string origin = absl::AsciiStrToLower(head.Field("origin"));
  // Whoever ends TLS before this port keeps the host's name.
  if (origin.empty() || origin == absl::StrCat("http://", host) || origin == absl::StrCat("https://", host)) return absl::OkStatus();
  return Refused("Origin", origin);
}

}  // namespace sliceflow::gateway
