#include "server/store/disk_room.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace sliceflow::store {
namespace {

// What this process may still write; nothing where the disk does not tell.
std::optional<int64_t> FreeBytes(const std::string& folder) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (error) return std::nullopt;
  return static_cast<int64_t>(space.available);
}

// Whether the file is there with its bytes taken on the disk, not only promised.
bool TakeBytes(const std::string& path, int64_t bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool taken = posix_fallocate(file, 0, bytes) == 0;
  close(file);
  return taken;
}

}  // namespace

DiskRoom::DiskRoom(const std::string& folder, const DiskRoomOptions& options)
    : folder_(folder), path_(absl::StrCat(folder, "/reserve")), options_(options) {}

absl::Status DiskRoom::Check(int64_t bytes) const {
  const std::optional<int64_t> free = FreeBytes(folder_);
  if (!free.has_value() || *free - bytes >= options_.low_water_bytes) return absl::OkStatus();
  return WithReason(
      absl::ResourceExhaustedError(
          absl::StrCat("the disk of the server's data folder has ", *free, " bytes free, of which ", options_.low_water_bytes,
                       " must stay so", bytes > 0 ? absl::StrCat(", and ", bytes, " are needed") : "", ": purge jobs, or make room on it")),
      "DISK_FULL");
}

absl::Status DiskRoom::Free(absl::FunctionRef<absl::Status()> change) {
  absl::Status status = change();
  // Reasons are those of quotas; a disk has none.
  if (!absl::IsResourceExhausted(status) || !Reason(status).empty()) return status;
  {
    const absl::MutexLock lock(&mutex_);
    unlink(path_.c_str());
  }
  return change();
}

void DiskRoom::KeepReserve() {
  const absl::MutexLock lock(&mutex_);
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path_, error);
  if (!error && static_cast<int64_t>(size) == options_.reserve_bytes) return;
  if (!Check(options_.reserve_bytes).ok() || !TakeBytes(path_, options_.reserve_bytes)) unlink(path_.c_str());
}

}  // namespace sliceflow::store
