#include "server/engine/models/flat_parameters.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {

void FlatParameters::Add(const Shape& shape) {
  int64_t size = 1;
  for (const int64_t side : shape) size *= side;
  shapes_.push_back(shape);
  sizes_.push_back(size);
  size_ += size;
}

std::vector<at::Tensor> FlatParameters::Split(const at::Tensor& flat) const {
  std::vector<at::Tensor> tensors = flat.split_with_sizes(sizes_);
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i] = tensors[i].view(shapes_[i]);
  return tensors;
}

at::Tensor Flatten(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> flat;
  flat.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) flat.push_back(tensor.reshape({-1}));
  return at::cat(flat);
}

}  // namespace sliceflow::engine
