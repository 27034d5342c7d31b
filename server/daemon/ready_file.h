// Tells whoever started the daemon where it serves.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/filesystem.h"

namespace sliceflow::daemon {

// Each as host:port; empty: it is not served.
struct ServedAddresses {
  std::string grpc;
  std::string http;
  std::string workers;
};

// A file with the JSON {"grpc": "host:port", "http": "host:port", "workers": "host:port", "pid": number}; there while the daemon serves. Removed when this is
// destroyed.
class ReadyFile {
 public:
  // Written all or nothing, in place of what a killed daemon left. `files` must outlive the result. An empty path writes
  // nothing, what is not served is left out.
  static absl::StatusOr<ReadyFile> Write(FileSystem& files, const std::string& path, const ServedAddresses& addresses);
  // Whether there is a file that a daemon has written here.
  static bool IsAt(FileSystem& files, const std::string& path);
  ReadyFile(ReadyFile&& other) noexcept;
  ReadyFile& operator=(ReadyFile&&) = delete;
  ~ReadyFile();

 private:
  ReadyFile(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  FileSystem& files_;
  std::string path_;
};

}  // namespace sliceflow::daemon
