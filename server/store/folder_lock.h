// One process a data folder: two daemons on one log would each hand out its jobs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace sliceflow::store {

// Holds advisory locks on the folder and on FOLDER/lock until destroyed; the system gives them back when the process dies. Child programs
// do not inherit them.
class FolderLock {
 public:
  // FailedPrecondition when another process holds one for all of `wait`.
  static absl::StatusOr<FolderLock> Acquire(const std::string& folder, absl::Duration wait);
  FolderLock(FolderLock&& other) noexcept = default;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  FolderLock() = default;
  absl::Status Add(const std::string& path, int flags, absl::Duration deadline);

  std::vector<int> files_;
};

}  // namespace sliceflow::store
