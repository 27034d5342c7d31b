#include "server/worker/connection.h"

#include <bit>

#include "common/tensor.h"

namespace sliceflow::worker {

// Tensors travel as they lie in memory.
static_assert(std::endian::native == std::endian::little);

void Connection::Send(const v1::AttachRequest& message) {
  absl::MutexLock lock(&mutex_);
  if (!lost_) lost_ = !stream_.Write(message);
}

void Connection::SendBlob(const std::string& key, const std::vector<int64_t>& shape, absl::string_view bytes) {
  size_t sent = 0;
  do {
    v1::AttachRequest message;
    v1::Blob& blob = *message.mutable_blob();
    blob.set_key(key);
    if (sent == 0) blob.mutable_shape()->Assign(shape.begin(), shape.end());
    const absl::string_view piece = bytes.substr(sent, kMaxChunkBytes);
    blob.set_data(piece.data(), piece.size());
    sent += piece.size();
    Send(message);
  } while (sent < bytes.size());
}

v1::AttachRequest MakeHeartbeat(MemoryMeter& meter) {
  v1::AttachRequest message;
  message.mutable_heartbeat()->set_resident_bytes(meter.Held());
  message.mutable_heartbeat()->set_peak_bytes(meter.Peak());
  return message;
}

}  // namespace sliceflow::worker
