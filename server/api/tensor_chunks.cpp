#include "server/api/tensor_chunks.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sliceflow::api {
namespace {

// What comes before a field of `size` bytes on the wire: its number and kind, and how long it is.
std::string Prefix(int field, size_t size) {
  using google::protobuf::internal::WireFormatLite;
  std::string prefix;
  {
    google::protobuf::io::StringOutputStream stream(&prefix);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.WriteTag(WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
    coded.WriteVarint64(size);
  }
  return prefix;
}

// Values of a tensor, which is kept for as long as the slice.
grpc::Slice Share(const std::shared_ptr<const Tensor>& tensor, absl::string_view values) {
  if (values.empty()) return {};
  auto owner = std::make_unique<std::shared_ptr<const Tensor>>(tensor);
  const auto release = [](void* owned) { delete static_cast<std::shared_ptr<const Tensor>*>(owned); };
  return {const_cast<char*>(values.data()), values.size(), release, owner.release()};
}

}  // namespace

TensorChunks::TensorChunks(std::shared_ptr<const Tensor> tensor, int64_t rows) : tensor_(std::move(tensor)) {
  const int64_t all = tensor_->rows();
  rows_ = rows < 0 ? all : std::min(rows, all);
  const int64_t values = static_cast<int64_t>(tensor_->values.size());
  bytes_ = all == 0 ? 0 : values / all * rows_ * static_cast<int64_t>(sizeof(float));
}

absl::string_view TensorChunks::Advance(v1::TensorChunk& chunk) {
  if (offset_ == 0) {
    chunk.mutable_shape()->Assign(tensor_->shape.begin(), tensor_->shape.end());
    chunk.set_shape(0, rows_);
  }
  const int64_t begin = offset_;
  const int64_t size = std::min(kMaxChunkBytes, bytes_ - begin);
  offset_ += size;
  done_ = offset_ == bytes_;
  chunk.set_offset(begin);
  chunk.set_last(done_);
  return {reinterpret_cast<const char*>(tensor_->values.data()) + begin, static_cast<size_t>(size)};
}

v1::TensorChunk TensorChunks::Next() {
  v1::TensorChunk chunk;
  const absl::string_view values = Advance(chunk);
  chunk.set_data(values.data(), values.size());
  return chunk;
}

grpc::ByteBuffer TensorChunks::NextIn(int field) {
  v1::TensorChunk chunk;
  const absl::string_view values = Advance(chunk);
  const std::string described = absl::StrCat(chunk.SerializeAsString(), Prefix(v1::TensorChunk::kDataFieldNumber, values.size()));
  const std::string head = absl::StrCat(Prefix(field, described.size() + values.size()), described);
  const grpc::Slice slices[] = {grpc::Slice(head), Share(tensor_, values)};
  return {slices, std::size(slices)};
}

}  // namespace sliceflow::api
