// Large things that arrive in pieces between the daemon and a worker, put together by name.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/tensor.h"

namespace sliceflow {

// Collects pieces until the message they belong to takes them. Holds at most `max_bytes` in all, in at most 64 blobs. Not thread-safe.
class BlobInbox {
 public:
  explicit BlobInbox(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Appends a piece to the blob of that name; `shape` counts on its first piece. InvalidArgument for a piece above kMaxChunkBytes or
  // without a name; ResourceExhausted beyond the bound.
  absl::Status Add(const std::string& key, const std::string& data, std::vector<int64_t> shape);

  bool Has(const std::string& key) const { return blobs_.count(key) != 0; }

  // Removes the blob and answers it. NotFound when there is none; as a tensor also DataLoss when the bytes do not fill the shape.
  absl::StatusOr<std::string> TakeBytes(const std::string& key);
  absl::StatusOr<Tensor> TakeTensor(const std::string& key);

  // Forgets everything, such as what belonged to an assignment that is over.
  void Clear();

 private:
  struct Blob {
    std::string bytes;
    std::vector<int64_t> shape;
  };
  absl::StatusOr<Blob> Take(const std::string& key);

  int64_t max_bytes_;
  int64_t bytes_ = 0;
  std::map<std::string, Blob> blobs_;
};

}  // namespace sliceflow
