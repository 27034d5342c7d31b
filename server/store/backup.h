// A copy of a data folder that a server can be started on, made while one uses it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sliceflow::store {

struct BackupReport {
  int64_t files = 0;
  int64_t bytes = 0;
  // Keys of files that were damaged before: they are in the backup as they are.
  std::vector<std::string> damaged;
};

// Copies the database as it stands at one instant, and every file that it refers to then, into `to`, which is made and must be empty
// (FailedPrecondition). Files are linked where `to` is on the same file system (they are never changed in place), otherwise copied. Beside
// them lies MANIFEST.sha256, in the format of sha256sum, written last. A daemon that uses the folder is not held up; where it removes files
// faster than they are taken: Aborted, after several tries. Partial uploads are left out.
absl::StatusOr<BackupReport> BackUp(const std::string& data_dir, const std::string& to);

// Checks every file of a backup against its manifest (DataLoss naming what differs or is missing, FailedPrecondition without a manifest;
// then nothing is made), and copies it into `data_dir`, which is made and must be empty (FailedPrecondition). The database comes last: a
// folder that was not finished is no data folder.
absl::Status Restore(const std::string& from, const std::string& data_dir);

}  // namespace sliceflow::store
