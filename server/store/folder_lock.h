// One process a data folder: two daemons on one log would each hand out its jobs.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace sliceflow::store {

// Holds an advisory lock on FOLDER/lock until destroyed; the system gives it back when the process dies. Child programs do not inherit it.
class FolderLock {
 public:
  // FailedPrecondition when another process holds it for all of `wait`.
  static absl::StatusOr<FolderLock> Acquire(const std::string& folder, absl::Duration wait);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

}  // namespace sliceflow::store
