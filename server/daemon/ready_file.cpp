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

absl::StatusOr<ReadyFile> ReadyFile::Write(FileSystem& files, const std::string& path, const ServedAddresses& addresses) {
  if (path.empty()) return ReadyFile(files, path);
  std::string text = absl::StrCat(kBegin, addresses.grpc, "\"");
  if (!addresses.http.empty()) absl::StrAppend(&text, ", \"http\": \"", addresses.http, "\"");
  if (!addresses.workers.empty()) absl::StrAppend(&text, ", \"workers\": \"", addresses.workers, "\"");
  absl::StrAppend(&text, ", \"pid\": ", getpid(), "}\n");
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
