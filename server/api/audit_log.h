// Who did what: a file of JSON lines.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/filesystem.h"
#include "common/steady_wait.h"

namespace sliceflow::api {

struct AuditOptions {
  int64_t max_file_bytes = 16 << 20;  // then it is rotated
  int max_files = 8;                  // FILE, and the newest of FILE.1, FILE.2, …
};

// What is written of a call. Never a secret, nor what a call carried.
struct AuditEntry {
  absl::Time time;
  std::string owner;       // empty where none is known
  std::string token_id;    // likewise
  std::string role;        // VIEWER, USER or ADMIN; empty where none is known
  std::string peer;        // as gRPC names it
  std::string method;      // such as JobService.CancelJob
  std::string resource;    // what it was about, such as jobs/ID; may be empty
  std::string request_id;  // as server/api/call_info.h gives it
  std::string code;        // OK, or the name of the error
  std::string reason;      // of the error, such as TOKEN_INVALID
};

// Thread-safe. Entries are written and synced in their order by a thread of its own, soon after; a bounded number waits. Where they come
// faster than the disk takes them, or the disk takes none, the oldest are written and how many were lost is.
class AuditLog {
 public:
  static constexpr size_t kMostWaiting = 10'000;

  // `files` must outlive this. `on_error` is told, on the thread that writes, when a write fails and when one works again (OK).
  AuditLog(FileSystem& files, std::string path, AuditOptions options, std::function<void(const absl::Status&)> on_error);
  // What waits is written.
  ~AuditLog();

  void Write(const AuditEntry& entry);

 private:
  void Run();
  // Tries to put the lines at the end of the file.
  absl::Status Append(const std::vector<std::string>& lines);
  // Puts what FILE holds aside under the next number, and drops the files that are too many.
  absl::Status Rotate();

  FileSystem& files_;
  const std::string path_;
  const AuditOptions options_;
  const std::function<void(const absl::Status&)> on_error_;
  int64_t size_ = -1;  // of the file, as far as it was written whole; below 0: not known
  absl::Mutex mutex_;
  SteadyCondVar ended_;  // ending_ was set
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  std::thread writer_;
};

}  // namespace sliceflow::api
