#include "common/blob_inbox.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace sliceflow {
namespace {

constexpr size_t kMaxBlobs = 64;

}  // namespace

absl::Status BlobInbox::Add(const std::string& key, const std::string& data, std::vector<int64_t> shape) {
  if (key.empty()) return absl::InvalidArgumentError("a blob without a key");
  const auto size = static_cast<int64_t>(data.size());
  if (size > kMaxChunkBytes) return absl::InvalidArgumentError(absl::StrCat("a piece of ", size, " bytes, at most ", kMaxChunkBytes));
  if (size > max_bytes_ - bytes_) return absl::ResourceExhaustedError(absl::StrCat("blobs of more than ", max_bytes_, " bytes"));
  if (blobs_.size() >= kMaxBlobs && !Has(key)) return absl::ResourceExhaustedError(absl::StrCat("more than ", kMaxBlobs, " blobs"));
  const auto [blob, is_new] = blobs_.try_emplace(key);
  if (is_new) blob->second.shape = std::move(shape);
  blob->second.bytes += data;
  bytes_ += size;
  return absl::OkStatus();
}

absl::StatusOr<std::string> BlobInbox::TakeBytes(const std::string& key) {
  absl::StatusOr<Blob> blob = Take(key);
  if (!blob.ok()) return blob.status();
  return std::move(blob->bytes);
}

absl::StatusOr<Tensor> BlobInbox::TakeTensor(const std::string& key) {
  absl::StatusOr<Blob> blob = Take(key);
  if (!blob.ok()) return blob.status();
  return UnpackValues(blob->bytes, std::move(blob->shape));
}

void BlobInbox::Clear() {
  blobs_.clear();
  bytes_ = 0;
}

absl::StatusOr<BlobInbox::Blob> BlobInbox::Take(const std::string& key) {
  const auto found = blobs_.find(key);
  if (found == blobs_.end()) return absl::NotFoundError(absl::StrCat("no blob named ", key));
  Blob blob = std::move(found->second);
  bytes_ -= static_cast<int64_t>(blob.bytes.size());
  blobs_.erase(found);
  return blob;
}

}  // namespace sliceflow
