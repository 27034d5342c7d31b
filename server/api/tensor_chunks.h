// The rows of a shared tensor as chunks, made one at a time so that a slow reader costs one chunk.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "common/tensor.h"

namespace sliceflow::api {

// Not thread-safe.
class TensorChunks {
 public:
  // The first `rows` rows, all where it is negative or more than there are.
  TensorChunks(std::shared_ptr<const Tensor> tensor, int64_t rows);

  bool done() const { return done_; }
  // The next chunk. Must not be done.
  v1::TensorChunk Next();
  // The same as the bytes of a message that has nothing but the chunk, in its field of this number. No value is copied: the bytes refer to the
  // tensor and keep it as long as gRPC has them.
  grpc::ByteBuffer NextIn(int field);

 private:
  // Goes on to the next chunk: all of it but the values into `chunk`; the values, as they lie in the tensor.
  absl::string_view Advance(v1::TensorChunk& chunk);

  std::shared_ptr<const Tensor> tensor_;
  int64_t rows_;
  int64_t bytes_;
  int64_t offset_ = 0;
  bool done_ = false;
};

}  // namespace sliceflow::api
