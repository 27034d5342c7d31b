// A dense float32 array in memory, its form on the wire, and its checks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sliceflow/v1/tensor.pb.h"

namespace sliceflow {

inline constexpr int64_t kMaxChunkBytes = 1 << 20;

// Row-major; `values.size()` is the product of `shape`.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;

  int64_t rows() const { return shape.empty() ? 0 : shape[0]; }
};

// Number of values of a shape; InvalidArgument when an axis is negative or the product exceeds `limit`.
absl::StatusOr<int64_t> ElementCount(const std::vector<int64_t>& shape, int64_t limit);

// Calls `emit` with the chunks of `tensor` in order, each of at most kMaxChunkBytes, until it answers an error, which is returned.
absl::Status ForEachChunk(const Tensor& tensor, absl::FunctionRef<absl::Status(v1::TensorChunk)> emit);

// Puts chunks together again. Not thread-safe.
class TensorAssembler {
 public:
  // `limit`: most values accepted.
  explicit TensorAssembler(int64_t limit) : limit_(limit) {}

  // InvalidArgument when a chunk does not follow the one before, exceeds the shape, or is too large.
  absl::Status Add(const v1::TensorChunk& chunk);
  bool complete() const { return complete_; }
  // The tensor, once complete; the assembler is empty afterwards.
  Tensor Take();

 private:
  int64_t limit_;
  int64_t expected_ = 0;
  bool started_ = false;
  bool complete_ = false;
  Tensor tensor_;
};

// The packed little-endian bytes of values, and back. DataLoss when the size is not 4 · product(shape).
std::string PackValues(const std::vector<float>& values);
absl::StatusOr<Tensor> UnpackValues(const std::string& bytes, std::vector<int64_t> shape);

}  // namespace sliceflow
