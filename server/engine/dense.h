// Between the plain vectors of a FlowSpec, Eigen's small dense matrices and LibTorch's tensors.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>
#include <Eigen/Dense>

#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

Eigen::VectorXd ToVector(const std::vector<double>& values);

// `values` holds dimension² entries in row-major order.
Eigen::MatrixXd ToMatrix(const std::vector<double>& values, int dimension);

// Float tensors that own their memory: d, and rows × columns.
at::Tensor ToTensor(const Eigen::VectorXd& values);
at::Tensor ToTensor(const Eigen::MatrixXd& values);

// Mean and covariance (divided by n) of the rows of a float tensor, n × d, in double.
struct Moments {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
};
Moments MomentsOf(const at::Tensor& samples);

// The entries of a float tensor in row-major order; none of an undefined one.
std::vector<float> ToFloats(const at::Tensor& tensor);

// A float tensor, rows × columns, over the table's own memory, which must outlive it. Read only.
at::Tensor ViewOf(const Table& table);

}  // namespace sliceflow::engine
