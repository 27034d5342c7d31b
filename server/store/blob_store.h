// Large immutable bytes (samples, checkpoints, data sets) as files with a checksum, beside the database that refers to them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/filesystem.h"

namespace sliceflow::store {

// Whether a text is the key of a blob, as described below.
bool IsBlobKey(absl::string_view key);

// Reads a blob from its beginning, a piece at a time, so that a large one costs no more memory than a piece. What it answered before the end
// may be damaged: only the end says that it was not. Not thread-safe.
class BlobReader {
 public:
  // `path`: its file. `files` must outlive the reader.
  BlobReader(std::string path, std::string key, int64_t size, uint32_t checksum, FileSystem& files);

  // The next bytes, at most `size`; empty at the end. DataLoss, from there on too, when the blob is cut off or its checksum does not match;
  // NotFound once it was removed.
  absl::StatusOr<std::string> Read(int64_t size);

 private:
  std::string path_;
  std::string key_;
  int64_t size_;
  uint32_t checksum_;
  FileSystem& files_;
  int64_t offset_ = 0;
  uint32_t crc_ = 0;  // of the bytes before `offset_`
};

// Keys are relative paths of [a-z0-9/._-], at most 200 characters, such as `jobs/ID/checkpoint-000012`; no part is empty or begins with a
// dot (InvalidArgument). Errors of the file system come through as they are. A blob is written before the row that refers to it, and
// removed after; what a crash leaves unreferenced is swept after the next start. Thread-safe.
class BlobStore {
 public:
  // Keeps blobs under `folder`. `files` must outlive the store.
  BlobStore(std::string folder, FileSystem& files);

  // Durable once it returns. Replaces a blob of the same key.
  absl::Status Put(const std::string& key, absl::string_view bytes);
  // DataLoss when the checksum does not match, NotFound when there is none.
  absl::StatusOr<std::string> Get(const std::string& key);
  // The same, to be read in pieces. Of damage only that of the footer shows here. This may end before the reader.
  absl::StatusOr<BlobReader> Open(const std::string& key);
  // Of its bytes, as its file says; the checksum is not looked at. NotFound when there is none.
  absl::StatusOr<int64_t> Size(const std::string& key);
  absl::Status Delete(const std::string& key);
  // Writes and reads a probe; what is wrong with the files, if anything. Once it was well, a folder that is not there was removed:
  // Unavailable with reason BLOBS_GONE from here and from Put, until it is put back.
  absl::Status CheckHealth();
  // Removes every blob below the folder `prefix` (with or without a slash at its end).
  absl::Status DeleteTree(const std::string& prefix);
  // Names directly below the folder `prefix`, blobs and folders; empty when it is not there.
  absl::StatusOr<std::vector<std::string>> List(const std::string& prefix);
  // Removes every blob under `prefix` that is not in `keep` (sorted or not).
  absl::Status Sweep(const std::string& prefix, const std::vector<std::string>& keep);

 private:
  absl::Status CheckInPlace();
  absl::Status Write(const std::string& key, absl::string_view bytes);

  std::string folder_;
  FileSystem& files_;
  std::atomic<bool> probed_ = false;
};

}  // namespace sliceflow::store
