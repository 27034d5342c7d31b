#include "server/scheduler/outbox.h"

#include <utility>

#include "common/tensor.h"

namespace sliceflow::scheduler {

void Outbox::Push(worker::v1::AttachResponse message) {
  Entry entry;
  entry.message = std::move(message);
  entries_.push_back(std::move(entry));
}

void Outbox::PushBlob(std::string key, std::vector<int64_t> shape, SharedBytes bytes) {
  Entry entry;
  entry.key = std::move(key);
  entry.shape = std::move(shape);
  entry.bytes = std::move(bytes);
  entries_.push_back(std::move(entry));
}

bool Outbox::Next(worker::v1::AttachResponse& message) {
  if (entries_.empty()) return false;
  Entry& entry = entries_.front();
  if (entry.key.empty()) {
    message = std::move(entry.message);
    entries_.pop_front();
    return true;
  }
  message.Clear();
  worker::v1::Blob& blob = *message.mutable_blob();
  blob.set_key(entry.key);
  if (entry.written == 0) blob.mutable_shape()->Assign(entry.shape.begin(), entry.shape.end());
  const absl::string_view piece = entry.bytes.bytes.substr(entry.written, kMaxChunkBytes);
  blob.set_data(piece.data(), piece.size());
  entry.written += piece.size();
  if (entry.written == entry.bytes.bytes.size()) entries_.pop_front();
  return true;
}

}  // namespace sliceflow::scheduler
