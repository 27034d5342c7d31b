// What waits to be written to a worker.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "sliceflow/worker/v1/worker.pb.h"

namespace sliceflow::scheduler {

// Bytes with whoever keeps them alive: a large thing is queued by reference and cut into pieces only as they are written.
struct SharedBytes {
  std::shared_ptr<const void> owner;
  absl::string_view bytes;
};

// A queue of messages and large things, in order. Not thread-safe.
class Outbox {
 public:
  void Push(worker::v1::AttachResponse message);
  // `shape` is empty for what is no tensor.
  void PushBlob(std::string key, std::vector<int64_t> shape, SharedBytes bytes);

  // Fills `message` with what is to be written next; false when nothing waits.
  bool Next(worker::v1::AttachResponse& message);

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    worker::v1::AttachResponse message;  // or, where `key` is set, a large thing
    std::string key;
    std::vector<int64_t> shape;
    SharedBytes bytes;
    size_t written = 0;
  };
  std::deque<Entry> entries_;
};

}  // namespace sliceflow::scheduler
