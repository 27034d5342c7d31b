// The unix socket that workers attach to.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace sliceflow::daemon {

// A folder of its own that only this user may enter, for the socket: the data folder's path may be longer than the 107 bytes that a
// socket's may have. It lies in $XDG_RUNTIME_DIR, or in the system's temporary folder, and is removed when this is destroyed; what a killed
// daemon leaves there is an empty folder and a dead socket.
class WorkerSocket {
 public:
  static absl::StatusOr<WorkerSocket> Make();
  WorkerSocket(WorkerSocket&& other) noexcept;
  WorkerSocket& operator=(WorkerSocket&&) = delete;
  ~WorkerSocket();

  // As gRPC names it: unix:PATH.
  std::string address() const { return "unix:" + folder_ + "/worker.sock"; }

 private:
  explicit WorkerSocket(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;
};

}  // namespace sliceflow::daemon
