// A port for gRPC: who gets a connection.
#pragma once

#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/listen_address.h"

namespace sliceflow::daemon {

// Lets this process have as many descriptors as it is allowed (the hard bound of RLIMIT_NOFILE), up to 65,536. A worker lowers it again.
void RaiseDescriptorLimit();

// Accepts connections for a gRPC server, in its place: gRPC's own listener stops for good when descriptors run out. Connections beyond what
// the process can hold are closed at once, so that the store, the workers and the HTTP port always have descriptors left. Thread-safe.
class Listener {
 public:
  // Binds every address of the host. Unavailable, naming the address, where none can be bound.
  static absl::StatusOr<std::unique_ptr<Listener>> Bind(const ListenAddress& address);
  // Stops.
  ~Listener();

  // The port that was taken.
  int port() const { return port_; }

  // Hands connections to `acceptor` from now on, until Stop. Once, after its server was started.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor);
  // Accepts nothing more. Before the server is shut down.
  void Stop();

  // ResourceExhausted while connections were turned away in the last ten seconds.
  absl::Status status() const;

 private:
  Listener();

  absl::Status Add(const std::string& host);
  void Run();
  void AcceptAll(int socket);
  // Pauses, at most for `milliseconds`; false when it is to stop.
  bool Pause(int milliseconds) const;

  const int most_;  // descriptors, of which the newest connection's number tells how many there are at least
  const int stop_;  // an eventfd
  int port_ = 0;
  std::vector<int> sockets_;
  std::atomic<int64_t> turned_away_s_ = -1;  // when, last, by Uptime; below 0: never
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::thread thread_;
};

}  // namespace sliceflow::daemon
