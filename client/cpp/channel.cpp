#include "client/cpp/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_interceptor.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/filesystem.h"

namespace sliceflow::client {
namespace {

namespace experimental = grpc::experimental;

constexpr size_t kLongestToken = 4096;

// Shows the token with every call; unlike gRPC's call credentials also on connections that are not encrypted.
class TokenInterceptor final : public experimental::Interceptor {
 public:
  explicit TokenInterceptor(const std::string& token) : token_(token) {}

  void Intercept(experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", absl::StrCat("Bearer ", token_));
    }
    methods->Proceed();
  }

 private:
  const std::string& token_;
};

class TokenInterceptorFactory final : public experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenInterceptorFactory(std::string token) : token_(std::move(token)) {}
  experimental::Interceptor* CreateClientInterceptor(experimental::ClientRpcInfo*) override { return new TokenInterceptor(token_); }

 private:
  const std::string token_;
};

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  // Finds a peer that vanished without a word. Servers count more than one ping in five minutes as abuse unless told otherwise.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 310'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  // A server that comes back is found soon; pauses between attempts are this library's own. GRPC_ARG_MIN_RECONNECT_BACKOFF_MS stays as it
  // is, at 20 s: it is also how long one attempt to connect may take, and a slow server is not an absent one.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  // One message is bounded by what the contract allows: a job with its specification, or 1 MiB of data.
  arguments.SetMaxReceiveMessageSize(16 << 20);
  return arguments;
}

// Nothing where no file is named.
absl::StatusOr<std::string> ReadPem(const std::string& path) {
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> text = RealFileSystem().ReadFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  if (!absl::StrContains(*text, "-----BEGIN ")) return absl::InvalidArgumentError(absl::StrCat(path, ": holds nothing in PEM"));
  return text;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const ChannelOptions& options) {
  if (options.cert_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError("a certificate of the client needs its key, and a key its certificate");
  }
  if (!IsEncrypted(options)) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  for (const auto& [path, text] : {std::pair{&options.ca_file, &ssl.pem_root_certs}, std::pair{&options.cert_file, &ssl.pem_cert_chain},
                                   std::pair{&options.key_file, &ssl.pem_private_key}}) {
    absl::StatusOr<std::string> pem = ReadPem(*path);
    if (!pem.ok()) return pem.status();
    *text = *std::move(pem);
  }
  return grpc::SslCredentials(ssl);
}

absl::Status CheckToken(const std::string& token) {
  const bool is_plain = std::all_of(token.begin(), token.end(), [](char c) { return absl::ascii_isgraph(c); });
  // gRPC ends the process for metadata that HTTP does not allow.
  if (!is_plain) return absl::InvalidArgumentError("must hold a token and nothing else: printable characters without white space");
  if (token.size() > kLongestToken)
    return absl::InvalidArgumentError(absl::StrCat("holds no token: it is longer than ", kLongestToken, " bytes"));
  return absl::OkStatus();
}

}  // namespace

bool IsEncrypted(const ChannelOptions& options) { return options.tls || !options.ca_file.empty() || !options.cert_file.empty(); }

bool IsLocal(absl::string_view server) {
  if (absl::StartsWith(server, "unix:") || absl::StartsWith(server, "unix-abstract:")) return true;
  if (absl::ConsumePrefix(&server, "[")) return absl::StartsWith(server, "::1]");
  const absl::string_view host = server.substr(0, server.rfind(':'));
  // 127.0.0.1.example.org is a name.
  const bool address = host.find_first_not_of("0123456789.") == absl::string_view::npos;
  return host == "localhost" || (address && absl::StartsWith(host, "127."));
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const std::string& server, const ChannelOptions& options) {
  const absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = Credentials(options);
  if (!credentials.ok()) return credentials.status();
  if (absl::Status status = CheckToken(options.token); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the token (SLICEFLOW_TOKEN) ", status.message()));
  }
  if (options.token.empty()) return grpc::CreateCustomChannel(server, *credentials, Arguments());
  if (!IsEncrypted(options) && !IsLocal(server) && !options.insecure) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token would go to ", server,
                     " in the clear, where others can take it: use --tls or --tls-ca FILE, or --insecure where "
                     "the network is trusted"));
  }
  std::vector<std::unique_ptr<experimental::ClientInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<TokenInterceptorFactory>(options.token));
  return experimental::CreateCustomChannelWithInterceptors(server, *credentials, Arguments(), std::move(interceptors));
}

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  const absl::StatusOr<std::string> text = RealFileSystem().ReadFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  std::string token(absl::StripAsciiWhitespace(*text));
  if (absl::Status status = CheckToken(token); !status.ok()) return absl::InvalidArgumentError(absl::StrCat(path, ": ", status.message()));
  if (token.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": holds no token"));
  return token;
}

}  // namespace sliceflow::client
