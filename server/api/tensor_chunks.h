// The rows of a shared tensor as chunks, made one at a time so that a slow reader costs one chunk.
#pragma once

#include <cstdint>
#include <memory>

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

 private:
  std::shared_ptr<const Tensor> tensor_;
  int64_t rows_;
  int64_t bytes_;
  int64_t offset_ = 0;
  bool done_ = false;
};

}  // namespace sliceflow::api
