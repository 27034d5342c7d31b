#include "server/store/folder_check.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/filesystem.h"
#include "server/store/blob_store.h"
#include "server/store/data_folder.h"
#include "server/store/folder_lock.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_schema.h"
#include "server/store/sqlite_store.h"

namespace sliceflow::store {
namespace {

constexpr size_t kMostNamed = 20;
// Where the daemon keeps files that rows refer to.
constexpr const char* kFolders[] = {"jobs", "datasets"};

class Check {
 public:
  Check(const std::string& data_dir, Connection& connection)
      : connection_(connection), folder_(absl::StrCat(data_dir, "/blobs")), blobs_(folder_, RealFileSystem()) {}

  FolderCheck Make(bool in_use) {
    if (absl::Status status = CheckPages(connection_); !status.ok()) result_.problems.push_back(std::string(status.message()));
    CheckReferencesBetweenTables();
    if (absl::Status status = CheckFiles(); !status.ok()) result_.problems.push_back(std::string(status.message()));
    // Files first, then rows: what a daemon writes meanwhile has its row by then, or was not seen.
    std::vector<std::string>& orphans = in_use ? result_.notes : result_.problems;
    FindOrphans(orphans);
    return std::move(result_);
  }

 private:
  void CheckReferencesBetweenTables() {
    Statement check = connection_.PrepareOnce("PRAGMA foreign_key_check");
    while (check.Next() && result_.problems.size() < kMostNamed) {
      result_.problems.push_back(absl::StrCat("a row of ", check.Bytes(0), " refers to one of ", check.Bytes(2), " that is not there"));
    }
    if (!check.status().ok()) result_.problems.push_back(std::string(check.status().message()));
  }

  absl::Status CheckFiles() {
    const auto keys = SelectReferencedKeys(connection_, "");
    if (!keys.ok()) return keys.status();
    for (const std::string& key : std::set<std::string>(keys->begin(), keys->end())) {
      ++result_.files;
      const absl::Status status = blobs_.Get(key).status();
      if (status.ok() || !IsReferenced(key)) continue;  // removed meanwhile, with its row
      result_.problems.push_back(absl::IsNotFound(status) ? absl::StrCat("blob ", key, ": missing") : std::string(status.message()));
    }
    return absl::OkStatus();
  }

  bool IsReferenced(const std::string& key) {
    const auto keys = SelectReferencedKeys(connection_, key);
    return !keys.ok() || std::find(keys->begin(), keys->end(), key) != keys->end();
  }

  void FindOrphans(std::vector<std::string>& findings) {
    std::vector<std::string> files;
    for (const char* folder : kFolders) {
      const std::vector<std::string> below = FilesBelow(folder);
      files.insert(files.end(), below.begin(), below.end());
    }
    const auto keys = SelectReferencedKeys(connection_, "");
    if (!keys.ok()) return;  // told already
    const std::set<std::string> referenced(keys->begin(), keys->end());
    int64_t count = 0;
    for (const std::string& file : files) {
      if (referenced.count(file) > 0 || ++count > static_cast<int64_t>(kMostNamed)) continue;
      findings.push_back(absl::StrCat("blob ", file, ": nothing refers to it"));
    }
    if (count > static_cast<int64_t>(kMostNamed)) findings.push_back(absl::StrCat("... ", count, " files that nothing refers to in all"));
  }

  // Keys of the blobs below a folder. What goes while it is read is left out.
  std::vector<std::string> FilesBelow(const std::string& folder) const {
    std::vector<std::string> files;
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator entry(absl::StrCat(folder_, "/", folder), error), end; !error && entry != end;
         entry.increment(error)) {
      std::error_code gone;
      if (entry->is_regular_file(gone)) files.push_back(entry->path().string().substr(folder_.size() + 1));
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  Connection& connection_;
  const std::string folder_;
  BlobStore blobs_;
  FolderCheck result_;
};

}  // namespace

absl::StatusOr<FolderCheck> CheckFolder(const std::string& data_dir) {
  if (absl::Status status = CheckIsDataFolder(data_dir); !status.ok()) return status;
  if (absl::Status status = CheckLogIsThere(data_dir); !status.ok()) return status;
  // Held for as long as the check, so that no daemon begins meanwhile.
  const absl::StatusOr<FolderLock> lock = FolderLock::Acquire(data_dir, absl::ZeroDuration());
  if (!lock.ok() && !absl::IsFailedPrecondition(lock.status())) return lock.status();
  const absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(absl::StrCat(data_dir, "/sliceflow.db"));
  if (absl::IsDataLoss(connection.status())) return FolderCheck{{std::string(connection.status().message())}, {}, 0};
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<int64_t> version = (*connection)->QueryInt("PRAGMA user_version");
  if (absl::IsDataLoss(version.status())) return FolderCheck{{std::string(version.status().message())}, {}, 0};
  if (!version.ok()) return version.status();
  if (*version != SchemaVersion()) {
    return absl::FailedPreconditionError(absl::StrCat("sliceflow.db has schema ", *version, " and this program knows ", SchemaVersion(),
                                                      *version < SchemaVersion()
                                                          ? ": start sliceflowd on it once, which brings it up to date"
                                                          : ": use the newer version that wrote it"));
  }
  FolderCheck result = Check(data_dir, **connection).Make(!lock.ok());
  if (!lock.ok()) result.notes.push_back("a daemon uses the folder");
  return result;
}

}  // namespace sliceflow::store
