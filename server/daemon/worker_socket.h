// The unix socket that workers attach to.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/filesystem.h"

namespace sliceflow::daemon {

// A folder of its own that only this user may enter, for the socket: the data folder's path may be longer than the 107 bytes that a
// socket's may have, and may be on a file system without sockets. It lies in $XDG_RUNTIME_DIR, or in the system's temporary folder, and is
// removed when this is destroyed. Its path is written to DATA_DIR/worker_socket, and into it which data folder it is of: what a killed daemon
// left is removed by the next one on that folder, and by none on a copy of it.
class WorkerSocket {
 public:
  // The data folder must be this daemon's alone. `files` must outlive the result.
  static absl::StatusOr<WorkerSocket> Make(FileSystem& files, const std::string& data_dir);
  WorkerSocket(WorkerSocket&& other) noexcept;
  WorkerSocket& operator=(WorkerSocket&&) = delete;
  ~WorkerSocket();

  // As gRPC names it: unix:PATH.
  std::string address() const { return "unix:" + folder_ + "/worker.sock"; }

 private:
  WorkerSocket(FileSystem& files, std::string note, std::string folder)
      : files_(files), note_(std::move(note)), folder_(std::move(folder)) {}

  FileSystem& files_;
  std::string note_;  // the file that holds the path of the folder
  std::string folder_;
};

}  // namespace sliceflow::daemon
