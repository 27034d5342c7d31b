// The worker's end of its stream to the daemon.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/worker/memory_meter.h"
#include "sliceflow/worker/v1/worker.grpc.pb.h"

namespace sliceflow::worker {

// Sending is thread-safe and blocks while the daemon does not read. Once something could not be sent the stream is lost: everything later
// is dropped, and the reading side ends.
class Connection {
 public:
  using Stream = grpc::ClientReaderWriter<v1::AttachRequest, v1::AttachResponse>;

  // `stream` must outlive the connection.
  explicit Connection(Stream& stream) : stream_(stream) {}

  void Send(const v1::AttachRequest& message);
  // In pieces of at most kMaxChunkBytes. Only one thread at a time sends blobs. `shape` is empty for what is no tensor.
  void SendBlob(const std::string& key, const std::vector<int64_t>& shape, absl::string_view bytes);

  // By one thread; false at the end of the stream.
  bool Read(v1::AttachResponse& message) { return stream_.Read(&message); }

 private:
  Stream& stream_;
  absl::Mutex mutex_;
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
};

// That the worker lives, and the memory it takes.
v1::AttachRequest MakeHeartbeat(MemoryMeter& meter);

}  // namespace sliceflow::worker
