// `sliceflowd health`: whether a daemon with these settings serves, for who looks from outside, as the engine of a container does.
#include <httplib.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "server/daemon/command_line.h"

namespace sliceflow::daemon {
namespace {

constexpr int kPatienceSeconds = 3;

// A daemon that listens on every address is asked on the loopback.
std::string HostToAsk(const std::string& host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

int AskWhetherReady(const ResolvedSettings& resolved) {
  const auto& http = resolved.settings.http;
  if (!http.has_value() || http->port == 0) {
    return Fail(absl::InvalidArgumentError("http: must name the port that the daemon is asked on, such as 127.0.0.1:8080"), kUsage);
  }
  const absl::string_view scheme = resolved.settings.encrypts_http() || resolved.settings.http_tls == "on" ? "https" : "http";
  httplib::Client client(absl::StrCat(scheme, "://", ListenAddress{HostToAsk(http->host), http->port}.ToString()));
  client.enable_server_certificate_verification(false);  // it is asked how it is, not who
  client.set_connection_timeout(kPatienceSeconds);
  client.set_read_timeout(kPatienceSeconds);
  client.set_write_timeout(kPatienceSeconds);
  const httplib::Result answer = client.Get("/readyz");
  if (!answer) {
    return Fail(absl::UnavailableError(absl::StrCat("no daemon answers on ", http->ToString(), ": ", httplib::to_string(answer.error()))));
  }
  if (answer->status != 200) return Fail(absl::UnavailableError(answer->body));
  std::cout << "ready\n";
  return kSuccess;
}

}  // namespace

void AddHealthCommand(CLI::App& program, std::vector<Command>& commands) {
  commands.push_back(
      {program.add_subcommand("health", "Asks the running daemon, on the port of the setting http, whether it is ready"), AskWhetherReady});
}

}  // namespace sliceflow::daemon
