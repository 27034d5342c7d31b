#include "server/worker/route.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/filesystem.h"
#include "common/grpc_deadline.h"
#include "common/quoted.h"
#include "sliceflow/worker/v1/worker.grpc.pb.h"

namespace sliceflow::worker {
namespace {

constexpr int kMaxMessageBytes = 16 << 20;
constexpr int kKeepaliveMilliseconds = 10'000;
constexpr absl::Duration kFirstDelay = absl::Milliseconds(100);
constexpr absl::Duration kLongestDelay = absl::Seconds(5);
// For one family of addresses, before the other is tried.
constexpr absl::Duration kTry = absl::Seconds(2);

struct HostPort {
  std::string host;  // without brackets
  int port = 0;
};

absl::StatusOr<HostPort> ParseAddress(absl::string_view text) {
  absl::Status malformed =
      absl::InvalidArgumentError(absl::StrCat("--connect: must be unix:PATH, or HOST:PORT with a port from 1 to 65535, is ", Quoted(text)));
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return malformed;
  absl::string_view host = text.substr(0, colon);
  const bool in_brackets = absl::ConsumePrefix(&host, "[");
  if (in_brackets != absl::ConsumeSuffix(&host, "]") || (!in_brackets && absl::StrContains(host, ':'))) return malformed;
  HostPort address{.host = std::string(host)};
  if (host.empty() || !absl::SimpleAtoi(text.substr(colon + 1), &address.port) || address.port < 1 || address.port > 65535)
    return malformed;
  return address;
}

// ---- files ---------------------------------------------------------------------------------------------------------------------------

absl::Status Useless(const char* option, const std::string& path, absl::string_view what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", path, " ", what, reason == nullptr ? "" : absl::StrCat(": ", reason)));
}

// A password would be asked for at a terminal.
int NoPassword(char* /*text*/, int /*size*/, int /*rwflag*/, void* /*data*/) { return -1; }

// gRPC would say of a file that is of no use only that nothing answers. OpenSSL also reads its own settings here, the last time it can.
absl::Status CheckFiles(const RouteOptions& options) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return absl::FailedPreconditionError("OpenSSL cannot be set up");
  const absl::Cleanup free = [context] { SSL_CTX_free(context); };
  SSL_CTX_set_default_passwd_cb(context, NoPassword);
  if (SSL_CTX_load_verify_locations(context, options.ca.c_str(), nullptr) != 1) {
    return Useless("--ca", options.ca, "holds no certificates in PEM that can be used");
  }
  if (SSL_CTX_use_certificate_chain_file(context, options.cert.c_str()) != 1) {
    return Useless("--cert", options.cert, "holds no certificate in PEM that can be used");
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) == 1) return absl::OkStatus();
  return Useless("--key", options.key, "holds no private key in PEM, not encrypted, of the certificate in --cert");
}

absl::Status ReadFiles(const RouteOptions& options, Route& route) {
  const std::tuple<const char*, const std::string&, std::string&> files[] = {
      {"--ca", options.ca, route.ca}, {"--cert", options.cert, route.cert}, {"--key", options.key, route.key}};
  for (const auto& [option, path, text] : files) {
    absl::StatusOr<std::string> read = RealFileSystem().ReadFile(path);
    if (!read.ok()) return absl::Status(read.status().code(), absl::StrCat(option, ": ", read.status().message()));
    text = *std::move(read);
  }
  return CheckFiles(options);
}

// ---- addresses -----------------------------------------------------------------------------------------------------------------------

// All in one target each: `ipv4:10.0.0.1:50052,10.0.0.2:50052`.
absl::StatusOr<std::vector<std::string>> LookUp(const HostPort& address) {
  const addrinfo hints{.ai_flags = AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const int code = getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (code != 0) return absl::UnavailableError(absl::StrCat("--connect: ", address.host, ": ", gai_strerror(code)));
  const absl::Cleanup free = [found] { freeaddrinfo(found); };
  std::vector<std::pair<int, std::vector<std::string>>> families;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    char host[NI_MAXHOST];
    if (getnameinfo(one->ai_addr, one->ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    const bool is_v6 = one->ai_family == AF_INET6;
    auto family = std::find_if(families.begin(), families.end(), [&](const auto& known) { return known.first == one->ai_family; });
    if (family == families.end()) family = families.insert(family, {one->ai_family, {}});
    family->second.push_back(is_v6 ? absl::StrCat("[", host, "]:", address.port) : absl::StrCat(host, ":", address.port));
  }
  std::vector<std::string> targets;
  for (const auto& [family, addresses] : families) {
    targets.push_back(absl::StrCat(family == AF_INET6 ? "ipv6:" : "ipv4:", absl::StrJoin(addresses, ",")));
  }
  return targets;
}

// A name may not have its address yet: a pod's daemon that is being made.
absl::StatusOr<std::vector<std::string>> LookUpUntil(const HostPort& address, absl::Duration deadline) {
  for (absl::Duration delay = kFirstDelay;; delay = std::min(2 * delay, kLongestDelay)) {
    absl::StatusOr<std::vector<std::string>> targets = LookUp(address);
    if (targets.ok() || Uptime() + delay >= deadline) return targets;
    absl::SleepFor(delay);
  }
}

// ---- the channel ---------------------------------------------------------------------------------------------------------------------

std::shared_ptr<grpc::Channel> MakeChannel(const Route& route, const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  if (route.ca.empty()) return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  arguments.SetSslTargetNameOverride(route.server_name);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMilliseconds);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A proxy of the environment would have to be looked up, which the cage does not allow any more.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(target, grpc::SslCredentials({route.ca, route.key, route.cert}), arguments);
}

// Only a call is told why.
std::string WhyNot(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  context.set_deadline(WithinTime(kTry));
  const auto stream = v1::WorkerService::NewStub(channel)->Attach(&context);
  stream->WritesDone();
  const std::string why = stream->Finish().error_message();
  // Which is all that TLS lets a client know.
  const bool sent_away = absl::StrContains(why, "Socket closed");
  return absl::StrCat(why, sent_away ? " (it may not know the authority of --cert, which is its setting workers.client_ca)" : "");
}

}  // namespace

bool RouteOptions::remote() const { return !absl::StartsWith(address, "unix:"); }

absl::Status CheckRoute(const RouteOptions& options) {
  const std::pair<const char*, const std::string*> files[] = {{"--ca", &options.ca}, {"--cert", &options.cert}, {"--key", &options.key}};
  if (!options.remote()) {
    for (const auto& [name, path] : files) {
      if (!path->empty())
        return absl::InvalidArgumentError(absl::StrCat(name, ": is for a daemon on another machine, --connect HOST:PORT"));
    }
    return absl::OkStatus();
  }
  for (const auto& [name, path] : files) {
    if (path->empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": must be given: a daemon on another machine takes --ca, --cert and --key, files in PEM"));
    }
  }
  return ParseAddress(options.address).status();
}

absl::StatusOr<Route> FindRoute(const RouteOptions& options, absl::Duration deadline) {
  Route route{.address = options.address, .targets = {options.address}};
  if (!options.remote()) return route;
  const absl::StatusOr<HostPort> address = ParseAddress(options.address);
  if (!address.ok()) return address.status();
  if (absl::Status status = ReadFiles(options, route); !status.ok()) return status;
  route.server_name = options.server_name.empty() ? address->host : options.server_name;
  absl::StatusOr<std::vector<std::string>> targets = LookUpUntil(*address, deadline);
  if (!targets.ok()) return targets.status();
  route.targets = *std::move(targets);
  return route;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Route& route, absl::Duration deadline) {
  const bool alone = route.targets.size() == 1;
  while (true) {
    std::string why;
    for (const std::string& target : route.targets) {
      std::shared_ptr<grpc::Channel> channel = MakeChannel(route, target);
      const absl::Duration left = deadline - Uptime();
      if (channel->WaitForConnected(WithinTime(alone ? left : std::min(left, kTry)))) return channel;
      if (!route.ca.empty()) why = absl::StrCat(": ", WhyNot(channel));
    }
    if (Uptime() >= deadline) return absl::UnavailableError(absl::StrCat("no daemon takes this worker at ", route.address, why));
  }
}

}  // namespace sliceflow::worker
