// The daemon put together from its rooms.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/daemon/listen_address.h"

namespace sliceflow::daemon {

struct DaemonOptions {
  std::string data_dir;
  ListenAddress listen;
  std::string ready_file;  // empty: none
  std::string worker;      // the program sliceflow-worker
  int threads = 1;         // of the worker that computes jobs
};

// Everything that serves, from the first request to the last. Thread-safe.
class Daemon {
 public:
  // Opens the data folder (FailedPrecondition while another daemon has it), takes the interrupted jobs up again, and serves.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const DaemonOptions& options);
  virtual ~Daemon() = default;

  // host:port with the port that was taken.
  virtual const std::string& address() const = 0;

  // Ends watches (Unavailable), lets calls end, stops the workers, and returns by about the deadline. Every step that was reported is
  // stored; what is being computed is given up and goes on at the next start.
  virtual void Shutdown(absl::Time deadline) = 0;
};

}  // namespace sliceflow::daemon
