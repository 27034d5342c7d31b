#include "client/cli/commands.h"

#include <cstdlib>
#include <utility>

#include "absl/time/time.h"

namespace sliceflow::cli {

absl::Status Context::OpenChannel() {
  if (!token_file.empty()) {
    absl::StatusOr<std::string> token = client::ReadTokenFile(token_file);
    if (!token.ok()) return token.status();
    security.token = *std::move(token);
  } else if (const char* token = std::getenv("SLICEFLOW_TOKEN")) {
    security.token = token;
  }
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = client::OpenChannel(server, security);
  if (!channel.ok()) return channel.status();
  channel_ = *std::move(channel);
  return absl::OkStatus();
}

client::Client Context::MakeClient() const {
  client::ClientOptions options;
  if (timeout_seconds > 0) options.timeout = options.transfer_timeout = absl::Seconds(timeout_seconds);
  return client::Client(channel_, options);
}

client::Client Context::MakeHastyClient(absl::Duration timeout) const {
  client::ClientOptions options;
  options.timeout = options.transfer_timeout = timeout;
  return client::Client(channel_, options);
}

}  // namespace sliceflow::cli
