// The HTTP port: whether the daemon lives, whether it serves, its metrics, and calls of the contract.
#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/gateway/tls_front.h"

namespace sliceflow::gateway {

// What the pages are made from. Called on threads of the server, several at once; they wait at most briefly.
struct Sources {
  std::function<absl::Status()> readiness;  // why nobody should be sent here, if so
  std::function<std::string()> metrics;     // in the text format of Prometheus
  std::string dashboard;                    // the folder with its files; empty: there is none
  std::string peer_word;                    // by which the API believes where calls are from (common/forwarded_peer.h)
  bool on_loopback = true;                  // whether the port is this machine's alone
  std::optional<TlsIdentity> tls;           // unset: the port speaks plain HTTP
};

// GET of `/healthz` (200 while the process lives), `/readyz` (200, or 503 with the reason as JSON) and `/metrics`; calls (server/gateway/calls.h);
// the dashboard's files; anything else is 404. A page is given whole, whatever `Range` asks for.
// A connection has one request, whose bounds are the RequestReader's. Those three pages have five seconds to their end, however slowly their
// client reads, a file has a minute; eight of either are answered at once and 64 wait. Of calls 16 that answer once and 128 that answer with a stream are under way, and 16 of either
// wait. Beyond, connections are closed. Thread-safe.
class HttpServer {
 public:
  // Serves from now on. Port 0 takes a free one. Unavailable when the address cannot be listened on, InvalidArgument as TlsFront::Use.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& host, int port, Sources sources);
  // Cuts what is under way.
  virtual ~HttpServer() = default;

  // Takes calls from now on and forwards them to `channel`, which leads into this process; before, they are UNAVAILABLE.
  virtual void OpenCalls(std::shared_ptr<grpc::Channel> channel) = 0;

  // Of a port with TLS: for connections that begin from now on. InvalidArgument as TlsFront::Use.
  virtual absl::Status UseTls(const TlsIdentity& identity) = 0;

  virtual int port() const = 0;
};

}  // namespace sliceflow::gateway
