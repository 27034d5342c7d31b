#include "server/daemon/worker_socket.h"

#include <stdlib.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sliceflow::daemon {
namespace {

// Beyond it the socket's path would not fit into sockaddr_un.
constexpr size_t kLongestFolder = 80;

std::vector<std::string> Places() {
  std::vector<std::string> places;
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime == '/') places.emplace_back(runtime);
  std::error_code error;
  places.push_back(std::filesystem::temp_directory_path(error).string());
  places.emplace_back(P_tmpdir);
  return places;
}

}  // namespace

absl::StatusOr<WorkerSocket> WorkerSocket::Make() {
  std::string reasons;
  for (const std::string& place : Places()) {
    if (place.empty() || place.size() > kLongestFolder) continue;
    std::string folder = absl::StrCat(place, "/sliceflow-XXXXXX");
    if (mkdtemp(folder.data()) != nullptr) return WorkerSocket(std::move(folder));
    absl::StrAppend(&reasons, reasons.empty() ? "" : "; ", place, ": ", std::strerror(errno));
  }
  return absl::UnavailableError(absl::StrCat("there is no place for the workers' socket: ", reasons));
}

WorkerSocket::WorkerSocket(WorkerSocket&& other) noexcept : folder_(std::exchange(other.folder_, "")) {}

WorkerSocket::~WorkerSocket() {
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

}  // namespace sliceflow::daemon
