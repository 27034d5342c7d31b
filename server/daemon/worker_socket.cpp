#include "server/daemon/worker_socket.h"

#include <stdlib.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::daemon {
namespace {

// Beyond it the socket's path would not fit into sockaddr_un.
constexpr size_t kLongestFolder = 80;
constexpr char kFolderName[] = "sliceflow-XXXXXX";

std::vector<std::string> Places() {
  std::vector<std::string> places;
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime == '/') places.emplace_back(runtime);
  std::error_code error;
  places.push_back(std::filesystem::temp_directory_path(error).string());
  places.emplace_back(P_tmpdir);
  return places;
}

// Whatever the note says, only what mkdtemp can have made here is removed.
bool IsSocketFolder(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return path.is_absolute() && name.size() + 1 == sizeof(kFolderName) && absl::StartsWith(name, "sliceflow-");
}

}  // namespace

absl::StatusOr<WorkerSocket> WorkerSocket::Make(FileSystem& files, const std::string& data_dir) {
  std::string note = absl::StrCat(data_dir, "/worker_socket");
  const absl::StatusOr<std::string> left = files.ReadFile(note);
  if (left.ok() && IsSocketFolder(*left)) files.RemoveTree(*left).IgnoreError();
  std::string reasons;
  for (const std::string& place : Places()) {
    if (place.empty() || place.size() > kLongestFolder) continue;
    std::string folder = absl::StrCat(place, "/", kFolderName);
    if (mkdtemp(folder.data()) != nullptr) {
      files.WriteFileDurably(note, folder).IgnoreError();  // without it a kill leaves the folder, and nothing worse
      return WorkerSocket(files, std::move(note), std::move(folder));
    }
    absl::StrAppend(&reasons, reasons.empty() ? "" : "; ", place, ": ", std::strerror(errno));
  }
  return absl::UnavailableError(absl::StrCat("there is no place for the workers' socket: ", reasons));
}

WorkerSocket::WorkerSocket(WorkerSocket&& other) noexcept
    : files_(other.files_), note_(std::move(other.note_)), folder_(std::exchange(other.folder_, "")) {}

WorkerSocket::~WorkerSocket() {
  if (folder_.empty()) return;
  files_.RemoveTree(folder_).IgnoreError();
  files_.Remove(note_).IgnoreError();
}

}  // namespace sliceflow::daemon
