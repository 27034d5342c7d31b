// The way to a server: in the clear or encrypted, with or without a token.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sliceflow::client {

struct ChannelOptions {
  bool tls = false;       // encrypted, with a server that is known by its certificate; implied by the next three
  std::string ca_file;    // certificates in PEM that may have signed the server's; empty: those that this system trusts
  std::string cert_file;  // the client's own certificate and its key, for a server that asks for one; both or neither
  std::string key_file;
  std::string token;      // shown to the server with every call; empty: none
  bool insecure = false;  // the token may be sent in the clear to another machine
};

// Does not connect yet. `server`: `host:port` or another gRPC target. InvalidArgument where a file cannot be used, where the token is
// not of printable characters, or would go to another machine in the clear.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const std::string& server, const ChannelOptions& options);

// The token in a file, without the white space around it. InvalidArgument naming the file.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

// Whether the connection is encrypted.
bool IsEncrypted(const ChannelOptions& options);

// Whether what is sent to the server stays on this machine.
bool IsLocal(absl::string_view server);

}  // namespace sliceflow::client
