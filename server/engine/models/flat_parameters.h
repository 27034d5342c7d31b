// A flat tensor of parameters as the tensors that layers and networks work with.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace sliceflow::engine {

using Shape = std::vector<int64_t>;

// Where each tensor lies in the flat one: one behind the other, in the order they were added.
class FlatParameters {
 public:
  void Add(const Shape& shape);

  size_t tensors() const { return shapes_.size(); }
  // Entries of all tensors together.
  int64_t size() const { return size_; }

  // One split whose backward is one concatenation: the gradient comes out flat.
  std::vector<at::Tensor> Split(const at::Tensor& flat) const;

 private:
  std::vector<Shape> shapes_;
  std::vector<int64_t> sizes_;
  int64_t size_ = 0;
};

// The inverse of Split.
at::Tensor Flatten(const std::vector<at::Tensor>& tensors);

}  // namespace sliceflow::engine
