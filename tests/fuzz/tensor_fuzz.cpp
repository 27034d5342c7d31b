// Tensors put together from chunks, as they come from clients and workers: a row of pieces, each with its length in two bytes before it.
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "common/tensor.h"
#include "tests/fuzz/require.h"

namespace sliceflow::fuzz {
namespace {

constexpr int64_t kMostValues = 1 << 12;

// By their bits: NaN is a value like others here.
bool SameBits(const Tensor& left, const Tensor& right) {
  return left.shape == right.shape && PackValues(left.values) == PackValues(right.values);
}

void CheckRoundTrip(const Tensor& tensor) {
  const absl::StatusOr<int64_t> count = ElementCount(tensor.shape, kMostValues);
  Require(count.ok() && *count == static_cast<int64_t>(tensor.values.size()), "a complete tensor fits its shape");
  TensorAssembler again(kMostValues);
  const absl::Status sent = ForEachChunk(tensor, [&](v1::TensorChunk chunk) { return again.Add(chunk); });
  Require(sent.ok() && again.complete(), "what was taken can be sent on");
  Require(SameBits(again.Take(), tensor), "sending changes no bit");
  const absl::StatusOr<Tensor> unpacked = UnpackValues(PackValues(tensor.values), tensor.shape);
  Require(unpacked.ok() && SameBits(*unpacked, tensor), "storing changes no bit");
}

void Assemble(absl::string_view rest) {
  TensorAssembler assembler(kMostValues);
  while (rest.size() >= 2) {
    const size_t length = static_cast<uint8_t>(rest[0]) | static_cast<size_t>(static_cast<uint8_t>(rest[1])) << 8;
    rest.remove_prefix(2);
    const absl::string_view piece = rest.substr(0, length);
    rest.remove_prefix(piece.size());
    v1::TensorChunk chunk;
    if (!chunk.ParseFromArray(piece.data(), static_cast<int>(piece.size()))) continue;
    const absl::Status added = assembler.Add(chunk);
    if (!added.ok()) {
      return Require(absl::IsInvalidArgument(added) || absl::IsResourceExhausted(added), "a refusal has one of two codes");
    }
    if (assembler.complete()) CheckRoundTrip(assembler.Take());
  }
}

}  // namespace
}  // namespace sliceflow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sliceflow::fuzz::Assemble(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
