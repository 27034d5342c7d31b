#include "common/tensor.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"

#ifndef ABSL_IS_LITTLE_ENDIAN
#error "tensors are packed little-endian; a big-endian machine needs a conversion here"
#endif

namespace sliceflow {

absl::StatusOr<int64_t> ElementCount(const std::vector<int64_t>& shape, int64_t limit) {
  int64_t count = 1;
  for (const int64_t length : shape) {
    if (length < 0) return absl::InvalidArgumentError(absl::StrCat("an axis has length ", length, "; it must be at least 0"));
    if (length > 0 && count > limit / length) {
      return absl::InvalidArgumentError(absl::StrCat("the shape holds more than the ", limit, " values that are accepted"));
    }
    count *= length;
  }
  return count;
}

absl::Status ForEachChunk(const Tensor& tensor, absl::FunctionRef<absl::Status(v1::TensorChunk)> emit) {
  const int64_t total = static_cast<int64_t>(tensor.values.size() * sizeof(float));
  const char* bytes = reinterpret_cast<const char*>(tensor.values.data());
  int64_t offset = 0;
  do {
    const int64_t size = std::min(kMaxChunkBytes, total - offset);
    v1::TensorChunk chunk;
    if (offset == 0) chunk.mutable_shape()->Assign(tensor.shape.begin(), tensor.shape.end());
    chunk.set_offset(offset);
    if (size > 0) chunk.set_data(bytes + offset, size);
    offset += size;
    chunk.set_last(offset == total);
    if (absl::Status status = emit(std::move(chunk)); !status.ok()) return status;
  } while (offset < total);
  return absl::OkStatus();
}

absl::Status TensorAssembler::Add(const v1::TensorChunk& chunk) {
  if (complete_) return absl::InvalidArgumentError("a chunk came after the last one");
  if (static_cast<int64_t>(chunk.data().size()) > kMaxChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a chunk has ", chunk.data().size(), " bytes; at most ", kMaxChunkBytes, " are accepted"));
  }
  if (!started_) {
    if (chunk.shape_size() == 0) return absl::InvalidArgumentError("the first chunk must carry the shape");
    std::vector<int64_t> shape(chunk.shape().begin(), chunk.shape().end());
    const absl::StatusOr<int64_t> count = ElementCount(shape, limit_);
    if (!count.ok()) return count.status();
    started_ = true;
    expected_ = *count;
    tensor_.shape = std::move(shape);
  }
  const int64_t have = static_cast<int64_t>(tensor_.values.size());
  const int64_t more = static_cast<int64_t>(chunk.data().size() / sizeof(float));
  if (chunk.offset() != have * static_cast<int64_t>(sizeof(float))) {
    return absl::InvalidArgumentError(absl::StrCat("a chunk has offset ", chunk.offset(), "; expected ", have * sizeof(float)));
  }
  if (chunk.data().size() % sizeof(float) != 0 || have + more > expected_) {
    return absl::InvalidArgumentError(absl::StrCat("a chunk of ", chunk.data().size(), " bytes does not fit a shape of ", expected_, " values"));
  }
  tensor_.values.resize(have + more);
  std::memcpy(tensor_.values.data() + have, chunk.data().data(), chunk.data().size());
  if (!chunk.last()) return absl::OkStatus();
  if (have + more != expected_) {
    return absl::InvalidArgumentError(absl::StrCat("the last chunk leaves ", have + more, " of ", expected_, " values"));
  }
  complete_ = true;
  return absl::OkStatus();
}

Tensor TensorAssembler::Take() {
  Tensor taken = std::move(tensor_);
  *this = TensorAssembler(limit_);
  return taken;
}

std::string PackValues(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

absl::StatusOr<Tensor> UnpackValues(const std::string& bytes, std::vector<int64_t> shape) {
  const absl::StatusOr<int64_t> count = ElementCount(shape, static_cast<int64_t>(bytes.size() / sizeof(float)));
  if (!count.ok() || bytes.size() != *count * sizeof(float)) {
    return absl::DataLossError(absl::StrCat("stored array has ", bytes.size(), " bytes, which does not fit its shape"));
  }
  Tensor tensor{std::move(shape), std::vector<float>(*count)};
  std::memcpy(tensor.values.data(), bytes.data(), bytes.size());
  return tensor;
}

}  // namespace sliceflow
