// The HTTP port: whether the daemon lives, whether it serves, and its metrics.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sliceflow::gateway {

// What the pages are made from. Called on threads of the server, several at once; they wait at most briefly.
struct Sources {
  std::function<absl::Status()> readiness;  // why nobody should be sent here, if so
  std::function<std::string()> metrics;     // in the text format of Prometheus
};

// GET of `/healthz` (200 while the process lives), `/readyz` (200, or 503 with the reason as JSON) and `/metrics`; anything else is 404.
// A page is given whole, whatever `Range` asks for.
// A connection has one request without a body, of at most 64 KiB (413, 414, 431), two seconds until all of it is there, and five to its
// end, however slowly its client reads. 128 connections may be at their beginning, beyond which the oldest is closed; eight are answered at
// once and 64 wait. Thread-safe.
class HttpServer {
 public:
  // Serves from now on. Port 0 takes a free one. Unavailable when the address cannot be listened on.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& host, int port, Sources sources);
  // Cuts what is under way.
  virtual ~HttpServer() = default;

  virtual int port() const = 0;
};

}  // namespace sliceflow::gateway
