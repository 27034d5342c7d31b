// What has arrived of uploads that are not finished.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/filesystem.h"
#include "server/jobs/upload_slots.h"

namespace sliceflow::jobs {

// The name of the upload of one content by one owner, among all of the server.
std::string UploadName(const std::string& owner, const std::string& sha256);

// A file for each upload, in one folder. Thread-safe; that one stream writes a file is the business of its slot.
class UploadParts {
 public:
  // Both must outlive this.
  UploadParts(FileSystem& files, std::string folder, UploadSlots& slots) : files_(files), folder_(std::move(folder)), slots_(slots) {}

  // How many bytes have arrived; NotFound where none have.
  absl::StatusOr<int64_t> Size(const std::string& upload) { return files_.FileSize(PathOf(upload)); }
  absl::Status Write(const std::string& upload, int64_t offset, absl::string_view data);
  absl::StatusOr<std::string> Read(const std::string& upload) { return files_.ReadFile(PathOf(upload)); }
  // Best effort: what stays behind costs room until it is old, or until the same content comes again.
  void Remove(const std::string& upload) { files_.Remove(PathOf(upload)).IgnoreError(); }

  // Asks `fits` with the bytes that an owner's uploads take: what the streams under way have declared, and what arrived of the others.
  // Where it takes the former alone, the oldest of the others are removed for as long as it says ResourceExhausted. What `fits` said last.
  absl::Status MakeRoom(const std::string& owner, absl::FunctionRef<absl::Status(int64_t bytes)> fits);

  // Removes what nobody went on with since `time`; not what is being written.
  absl::Status DropOlderThan(absl::Time time);

 private:
  struct Part {
    absl::Time modified;
    std::string upload;
    int64_t bytes = 0;
  };
  std::string PathOf(const std::string& upload) const;
  // Of all owners, without those that a stream has; the oldest first.
  absl::StatusOr<std::vector<Part>> Idle();
  // Whether it is gone: not where a stream has just begun to go on with it.
  absl::StatusOr<bool> RemoveIdle(const Part& part);

  FileSystem& files_;
  const std::string folder_;
  UploadSlots& slots_;
};

}  // namespace sliceflow::jobs
