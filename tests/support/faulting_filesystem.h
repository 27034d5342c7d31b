// A file system in memory that can be told to fail, and to crash between any two steps of a write.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/filesystem.h"

namespace sliceflow::testing {

// Models what a disk keeps: each write is a row of steps (temporary file, sync, rename, sync of the folder), and a crash before step n
// leaves what the steps before it made durable. Thread-safe.
class FaultingFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::string> ReadFile(const std::string& path) override;
  absl::StatusOr<std::string> ReadAt(const std::string& path, int64_t offset, int64_t size) override;
  absl::Status WriteFileDurably(const std::string& path, absl::string_view bytes) override;
  absl::Status WriteAt(const std::string& path, int64_t offset, absl::string_view bytes) override;
  absl::StatusOr<int64_t> FileSize(const std::string& path) override;
  absl::StatusOr<absl::Time> ModifiedTime(const std::string& path) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveTree(const std::string& path) override;
  absl::Status CreateFolders(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;

  // Every write fails with `error` until Heal; reads go on.
  void FailWrites(absl::Status error);
  void Heal();

  // After this many further steps of writing the power goes: that step and everything after it answers Unavailable, until Restart.
  void CrashAfter(int steps);
  // Comes up again with what was durable. Whether it had crashed.
  bool Restart();

  // Turns one byte of a file over.
  void Damage(const std::string& path, size_t offset);
  // Cuts a file to its first bytes.
  void Cut(const std::string& path, size_t size);
  // When a file was written last: without it no file is ever old.
  void SetModifiedTime(const std::string& path, absl::Time time);
  std::vector<std::string> Paths();

 private:
  using Files = std::map<std::string, std::string>;

  // One step of a write; an error when it does not happen.
  absl::Status Step() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  Files seen_ ABSL_GUARDED_BY(mutex_);     // what running programs see
  Files durable_ ABSL_GUARDED_BY(mutex_);  // what a crash leaves
  std::map<std::string, absl::Time> modified_ ABSL_GUARDED_BY(mutex_);
  absl::Status write_error_ ABSL_GUARDED_BY(mutex_);
  std::optional<int> steps_left_ ABSL_GUARDED_BY(mutex_);
  bool crashed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sliceflow::testing
