// The plain peer of jko_icnn_bench: an inner iteration of JKO-ICNN written with LibTorch's automatic differentiation alone, as the published
// code has it (Mokrov et al. 2021).
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/optim/adam.h>

namespace sliceflow::benchmarks {

// A convex network whose every layer also sees its input, by a convex quadratic of rank 5 and a linear map; the first layer is that alone,
// those after it are softplus of it and of the layer before with weights that each iteration clamps to be positive. The map is the gradient
// by its input, and the Hessian, whose log-determinant is the entropy's change, is d gradients of that.
class PlainIcnn {
 public:
  // Ornstein–Uhlenbeck from the standard Gaussian with V = |x − 1|², as testing::OrnsteinUhlenbeckSpec has it; a step of `step`.
  PlainIcnn(int64_t dimension, int64_t layers, int64_t width, double step);

  // One iteration of the first step, over `samples` fresh samples.
  void Iterate(int64_t samples);

 private:
  struct Layer {
    at::Tensor quadratic;  // d × (rank · width)
    at::Tensor input;      // width × d
    at::Tensor bias;       // width
    at::Tensor inner;      // width × width, positive; undefined in the first layer
  };

  // The network's value at each row of `x`.
  at::Tensor Value(const at::Tensor& x) const;
  at::Tensor Trained(at::IntArrayRef shape);

  int64_t dimension_, width_;
  double step_;
  std::vector<at::Tensor> parameters_;
  std::vector<Layer> layers_;
  at::Tensor last_;  // 1 × width, positive
  torch::optim::Adam adam_;
};

}  // namespace sliceflow::benchmarks
