#include "server/api/tensor_chunks.h"

#include <algorithm>
#include <utility>

namespace sliceflow::api {

TensorChunks::TensorChunks(std::shared_ptr<const Tensor> tensor, int64_t rows) : tensor_(std::move(tensor)) {
  const int64_t all = tensor_->rows();
  rows_ = rows < 0 ? all : std::min(rows, all);
  const int64_t values = static_cast<int64_t>(tensor_->values.size());
  bytes_ = all == 0 ? 0 : values / all * rows_ * static_cast<int64_t>(sizeof(float));
}

v1::TensorChunk TensorChunks::Next() {
  v1::TensorChunk chunk;
  if (offset_ == 0) {
    chunk.mutable_shape()->Assign(tensor_->shape.begin(), tensor_->shape.end());
    chunk.set_shape(0, rows_);
  }
  const int64_t size = std::min(kMaxChunkBytes, bytes_ - offset_);
  chunk.set_offset(offset_);
  chunk.set_data(reinterpret_cast<const char*>(tensor_->values.data()) + offset_, size);
  offset_ += size;
  done_ = offset_ == bytes_;
  chunk.set_last(done_);
  return chunk;
}

}  // namespace sliceflow::api
