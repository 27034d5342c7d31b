#include "server/daemon/ready_file.h"

#include <unistd.h>

#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::daemon {
namespace {

constexpr char kBegin[] = "{\"grpc\": \"";
constexpr int64_t kMostBytes = 4096;

}  // namespace

absl::StatusOr<ReadyFile> ReadyFile::Write(FileSystem& files, const std::string& path, const std::string& grpc_address,
                                           const std::string& http_address) {
  if (path.empty()) return ReadyFile(files, path);
  const std::string http = http_address.empty() ? "" : absl::StrCat(", \"http\": \"", http_address, "\"");
  const std::string text = absl::StrCat(kBegin, grpc_address, "\"", http, ", \"pid\": ", getpid(), "}\n");
  if (absl::Status status = files.WriteFileDurably(path, text); !status.ok()) return status;
  return ReadyFile(files, path);
}

bool ReadyFile::IsAt(FileSystem& files, const std::string& path) {
  const absl::StatusOr<int64_t> size = files.FileSize(path);
  if (!size.ok() || *size > kMostBytes) return false;
  const absl::StatusOr<std::string> text = files.ReadFile(path);
  return text.ok() && absl::StartsWith(*text, kBegin);
}

ReadyFile::ReadyFile(ReadyFile&& other) noexcept : files_(other.files_), path_(std::exchange(other.path_, "")) {}

ReadyFile::~ReadyFile() {
  if (!path_.empty()) files_.Remove(path_).IgnoreError();
}

}  // namespace sliceflow::daemon
