// The way to the daemon: over a socket of this machine, or over mTLS to another.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sliceflow::worker {

struct RouteOptions {
  std::string address;  // `unix:PATH`, or HOST:PORT of another machine; an IPv6 host in brackets
  // Paths of PEM files, for another machine alone: whose certificates a daemon may show, and what this worker shows.
  std::string ca;
  std::string cert;
  std::string key;
  std::string server_name;  // that the daemon's certificate must be for; empty: the host

  bool remote() const;
};

// All that connecting takes, so that no file is read and no name looked up any more.
struct Route {
  std::string address;               // for people
  std::vector<std::string> targets;  // as gRPC names them, the preferred first: one for each family of addresses
  // In PEM; empty over a socket of this machine.
  std::string ca;
  std::string cert;
  std::string key;
  std::string server_name;
};

// InvalidArgument naming what an option must be.
absl::Status CheckRoute(const RouteOptions& options);

// Reads the files and looks the host's name up, again and again until `deadline` (of Uptime). For a process that will be caged, of one
// thread, before its cage shuts. InvalidArgument as CheckRoute, or naming a file that is of no use; Unavailable for a name without an address.
absl::StatusOr<Route> FindRoute(const RouteOptions& options, absl::Duration deadline);

// Tries until `deadline` (of Uptime). Unavailable with the reason of the last failure. A connection to another machine asks every ten
// seconds whether the daemon is still there, and ends ten seconds after an answer that does not come.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Route& route, absl::Duration deadline);

}  // namespace sliceflow::worker
