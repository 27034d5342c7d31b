#include "common/tensor.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sliceflow {
namespace {

static_assert(std::endian::native == std::endian::little, "values travel as they lie in memory");

constexpr int64_t kValueBytes = sizeof(float);
constexpr size_t kMaxAxes = 32;

}  // namespace

absl::StatusOr<int64_t> ElementCount(const std::vector<int64_t>& shape, int64_t limit) {
  if (shape.empty()) return absl::InvalidArgumentError("a shape of no axes");
  if (shape.size() > kMaxAxes) return absl::InvalidArgumentError(absl::StrCat("a shape of ", shape.size(), " axes, at most ", kMaxAxes));
  const auto words = [&] { return absl::StrCat("the shape [", absl::StrJoin(shape, ", "), "]"); };
  for (const int64_t axis : shape) {
    if (axis < 0) return absl::InvalidArgumentError(absl::StrCat(words(), " has a negative axis"));
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t count = 1;
  for (const int64_t axis : shape) {
    if (axis > limit / count) return absl::InvalidArgumentError(absl::StrCat(words(), " has more than ", limit, " values"));
    count *= axis;
  }
  return count;
}

absl::Status ForEachChunk(const Tensor& tensor, absl::FunctionRef<absl::Status(v1::TensorChunk)> emit) {
  const int64_t total = static_cast<int64_t>(tensor.values.size()) * kValueBytes;
  const char* bytes = reinterpret_cast<const char*>(tensor.values.data());
  int64_t offset = 0;
  do {
    const int64_t size = std::min(kMaxChunkBytes, total - offset);
    v1::TensorChunk chunk;
    if (offset == 0) chunk.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
    chunk.set_offset(offset);
    if (size > 0) chunk.set_data(bytes + offset, size);
    offset += size;
    chunk.set_last(offset == total);
    absl::Status status = emit(std::move(chunk));
    if (!status.ok()) return status;
  } while (offset < total);
  return absl::OkStatus();
}

absl::Status TensorAssembler::Add(const v1::TensorChunk& chunk) {
  if (complete_) return absl::InvalidArgumentError("a chunk after the last one of the array");
  const auto size = static_cast<int64_t>(chunk.data().size());
  if (size > kMaxChunkBytes) return absl::InvalidArgumentError(absl::StrCat("a chunk of ", size, " bytes, at most ", kMaxChunkBytes));
  if (size % kValueBytes != 0) return absl::InvalidArgumentError(absl::StrCat("a chunk of ", size, " bytes, not a multiple of 4"));
  if (!started_) {
    std::vector<int64_t> shape(chunk.shape().begin(), chunk.shape().end());
    const absl::StatusOr<int64_t> count = ElementCount(shape, limit_);
    if (!count.ok()) return count.status();
    tensor_ = Tensor{.shape = std::move(shape)};
    expected_ = *count;
    started_ = true;
  } else if (chunk.shape_size() != 0) {
    return absl::InvalidArgumentError("a shape on a chunk that is not the first");
  }
  const auto have = static_cast<int64_t>(tensor_.values.size());
  if (chunk.offset() != have * kValueBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a chunk at offset ", chunk.offset(), " where ", have * kValueBytes, " follows"));
  }
  const int64_t count = size / kValueBytes;
  if (count > expected_ - have) return absl::InvalidArgumentError(absl::StrCat("more bytes than the ", expected_, " values of the shape"));
  tensor_.values.resize(have + count);
  if (count > 0) std::memcpy(tensor_.values.data() + have, chunk.data().data(), size);
  complete_ = have + count == expected_;
  if (chunk.last() && !complete_) {
    return absl::InvalidArgumentError(absl::StrCat("the last chunk ends after ", have + count, " of ", expected_, " values"));
  }
  return absl::OkStatus();
}

Tensor TensorAssembler::Take() {
  started_ = false;
  complete_ = false;
  expected_ = 0;
  return std::exchange(tensor_, Tensor());
}

std::string PackValues(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * kValueBytes);
}

absl::StatusOr<Tensor> UnpackValues(const std::string& bytes, std::vector<int64_t> shape) {
  const auto size = static_cast<int64_t>(bytes.size());
  const absl::StatusOr<int64_t> count = ElementCount(shape, size / kValueBytes);
  if (!count.ok() || *count * kValueBytes != size) {
    return absl::DataLossError(absl::StrCat(size, " bytes do not fill the shape [", absl::StrJoin(shape, ", "), "]"));
  }
  Tensor tensor{.shape = std::move(shape), .values = std::vector<float>(*count)};
  if (size > 0) std::memcpy(tensor.values.data(), bytes.data(), size);
  return tensor;
}

}  // namespace sliceflow
