#include "server/daemon/ready_file.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace sliceflow::daemon {

absl::StatusOr<ReadyFile> ReadyFile::Write(FileSystem& files, const std::string& path, const std::string& grpc_address) {
  if (path.empty()) return ReadyFile(files, path);
  const std::string text = absl::StrCat("{\"grpc\": \"", grpc_address, "\", \"pid\": ", getpid(), "}\n");
  if (absl::Status status = files.WriteFileDurably(path, text); !status.ok()) return status;
  return ReadyFile(files, path);
}

ReadyFile::ReadyFile(ReadyFile&& other) noexcept : files_(other.files_), path_(std::exchange(other.path_, "")) {}

ReadyFile::~ReadyFile() {
  if (!path_.empty()) files_.Remove(path_).IgnoreError();
}

}  // namespace sliceflow::daemon
