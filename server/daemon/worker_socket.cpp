#include "server/daemon/worker_socket.h"

#include <stdlib.h>
#include <sys/stat.h>

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

// What is another of a copy, and the same after a move.
std::string IdentityOf(const std::string& data_dir) {
  struct stat info = {};
  return stat(data_dir.c_str(), &info) == 0 ? absl::StrCat(info.st_dev, ":", info.st_ino) : "";
}

std::string OwnerFile(const std::string& folder) { return absl::StrCat(folder, "/data_folder"); }

// Whatever the note says, only what mkdtemp can have made here is removed, and only what was made for this data folder: a copy of a folder
// in use has the note of the original.
bool IsLeft(FileSystem& files, const std::filesystem::path& path, const std::string& identity) {
  const std::string name = path.filename().string();
  if (!path.is_absolute() || name.size() + 1 != sizeof(kFolderName) || !absl::StartsWith(name, "sliceflow-")) return false;
  const absl::StatusOr<std::string> owner = files.ReadFile(OwnerFile(path));
  return owner.ok() && !owner->empty() && *owner == identity;
}

}  // namespace

absl::StatusOr<WorkerSocket> WorkerSocket::Make(FileSystem& files, const std::string& data_dir) {
  std::string note = absl::StrCat(data_dir, "/worker_socket");
  const absl::StatusOr<std::string> left = files.ReadFile(note);
  const std::string identity = IdentityOf(data_dir);
  if (left.ok() && IsLeft(files, *left, identity)) files.RemoveTree(*left).IgnoreError();
  std::string reasons;
  for (const std::string& place : Places()) {
    if (place.empty() || place.size() > kLongestFolder) continue;
    std::string folder = absl::StrCat(place, "/", kFolderName);
    if (mkdtemp(folder.data()) != nullptr) {
      // Without the two a kill leaves the folder, and nothing worse.
      files.WriteFileDurably(OwnerFile(folder), identity).IgnoreError();
      files.WriteFileDurably(note, folder).IgnoreError();
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
