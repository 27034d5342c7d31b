#include "server/store/data_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/errors.h"
#include "common/filesystem.h"
#include "server/store/folder_lock.h"

namespace sliceflow::store {
namespace {

constexpr char kDatabase[] = "sliceflow.db";
constexpr char kLog[] = "sliceflow.db-wal";
// In which a daemon that has locked its folder opens its database, and one that has closed it gives the lock back.
constexpr absl::Duration kStartTime = absl::Seconds(1);

// FailedPrecondition where there is something of these names, but no database.
absl::Status CheckNotWithout(const std::string& folder, const std::vector<std::string>& names) {
  const absl::StatusOr<bool> has = HasDatabase(folder);
  if (!has.ok() || *has) return has.status();
  std::vector<std::string> found;
  std::error_code error;
  for (const std::string& name : names) {
    if (std::filesystem::exists(absl::StrCat(folder, "/", name), error)) found.push_back(name);
  }
  if (found.empty()) return absl::OkStatus();
  return WithReason(absl::FailedPreconditionError(
                        absl::StrCat("the data folder ", folder, " has ", absl::StrJoin(found, ", "), " but no ", kDatabase,
                                     ": put the database back, restore a backup into a new folder, or move the rest away to begin anew")),
                    "DATABASE_MISSING");
}

}  // namespace

absl::Status MakeDataFolder(const std::string& folder) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  if (!error && made) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot make the data folder ", folder, ": ", error.message()));
  return absl::OkStatus();
}

absl::StatusOr<bool> HasDatabase(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kDatabase);
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return false;
  if (error) return absl::UnavailableError(absl::StrCat("cannot look at ", path, ": ", error.message()));
  return size > 0;
}

absl::Status CheckIsDataFolder(const std::string& folder) {
  const absl::StatusOr<bool> has = HasDatabase(folder);
  if (!has.ok() || *has) return has.status();
  absl::Status status = CheckIsDataFolderOrNew(folder);
  return status.ok() ? absl::FailedPreconditionError(absl::StrCat(folder, " is no data folder: it has no ", kDatabase)) : status;
}

absl::Status CheckIsDataFolderOrNew(const std::string& folder) {
  const auto names = RealFileSystem().List(folder);
  if (!names.ok()) return names.status();
  std::vector<std::string> ours;
  std::copy_if(names->begin(), names->end(), std::back_inserter(ours),
               [](const std::string& name) { return name != kDatabase && IsNameOfDataFolder(name); });
  std::sort(ours.begin(), ours.end());
  return CheckNotWithout(folder, ours);
}

absl::Status CheckLosesNothing(const std::string& folder) {
  // Before anything that takes longer the more there is.
  if (const absl::StatusOr<bool> has = HasDatabase(folder); !has.ok() || *has) return has.status();
  std::vector<std::string> names{kLog};
  for (const char* name : {"blobs/jobs", "blobs/datasets"}) {
    const auto content = RealFileSystem().List(absl::StrCat(folder, "/", name));
    if (!content.ok()) return content.status();
    if (!content->empty()) names.emplace_back(name);
  }
  return CheckNotWithout(folder, names);
}

absl::Status CheckLogIsThere(const std::string& folder) {
  const std::string log = absl::StrCat(folder, "/", kLog);
  std::error_code error;
  if (std::filesystem::exists(log, error)) return absl::OkStatus();
  const absl::StatusOr<FolderLock> lock = FolderLock::Acquire(folder, kStartTime);
  if (!absl::IsFailedPrecondition(lock.status())) return lock.status();
  if (std::filesystem::exists(log, error)) return absl::OkStatus();
  return WithReason(absl::FailedPreconditionError(absl::StrCat("a daemon uses ", folder, ", and its ", kLog,
                                                               " was removed: stop it with SIGTERM, which keeps what it acknowledged")),
                    "DATABASE_GONE");
}

bool IsNameOfDataFolder(absl::string_view name) {
  for (const char* one : {"blobs", "uploads", "lock", "reserve", "worker_socket"}) {
    if (name == one) return true;
  }
  // With what stands beside them: logs, and those that are full.
  return absl::StartsWith(name, kDatabase) || absl::StartsWith(name, "audit.jsonl");
}

bool IsOpenToOthers(const std::string& folder) {
  struct stat info;
  return stat(folder.c_str(), &info) == 0 && (info.st_mode & (S_IROTH | S_IWOTH | S_IXOTH)) != 0;
}

}  // namespace sliceflow::store
