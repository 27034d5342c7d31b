// The seam to the file system, so that tests can make it fail. Everything durable goes through it except SQLite's own files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sliceflow {

// Thread-safe. Errors: NotFound; ResourceExhausted for a full disk or quota; otherwise Unavailable with the system's words.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::string> ReadFile(const std::string& path) = 0;
  // What there is of the `size` bytes at `offset`: fewer, or none, at the file's end.
  virtual absl::StatusOr<std::string> ReadAt(const std::string& path, int64_t offset, int64_t size) = 0;

  // All or nothing, and durable once it returns OK: temporary file, fsync, rename, fsync of the folder. Replaces what was there.
  virtual absl::Status WriteFileDurably(const std::string& path, absl::string_view bytes) = 0;

  // Writes `bytes` at `offset` of a file that is made when missing, cut to end there, and synced.
  virtual absl::Status WriteAt(const std::string& path, int64_t offset, absl::string_view bytes) = 0;

  virtual absl::StatusOr<int64_t> FileSize(const std::string& path) = 0;
  virtual absl::StatusOr<absl::Time> ModifiedTime(const std::string& path) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;      // OK when it is not there
  virtual absl::Status RemoveTree(const std::string& path) = 0;  // OK when it is not there
  virtual absl::Status CreateFolders(const std::string& path) = 0;
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;  // names; empty when it is not there
};

// The real one; lives for ever.
FileSystem& RealFileSystem();

}  // namespace sliceflow
