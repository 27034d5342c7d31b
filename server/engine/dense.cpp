#include "server/engine/dense.h"

#include <ATen/ATen.h>

namespace sliceflow::engine {
namespace {

using RowMajorFloat = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using RowMajorDouble = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

Eigen::VectorXd ToVector(const std::vector<double>& values) {
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

Eigen::MatrixXd ToMatrix(const std::vector<double>& values, int dimension) {
  return Eigen::Map<const RowMajorDouble>(values.data(), dimension, dimension);
}

at::Tensor ToTensor(const Eigen::VectorXd& values) {
  at::Tensor tensor = at::empty({values.size()}, at::kFloat);
  Eigen::Map<Eigen::VectorXf>(tensor.data_ptr<float>(), values.size()) = values.cast<float>();
  return tensor;
}

at::Tensor ToTensor(const Eigen::MatrixXd& values) {
  at::Tensor tensor = at::empty({values.rows(), values.cols()}, at::kFloat);
  Eigen::Map<RowMajorFloat>(tensor.data_ptr<float>(), values.rows(), values.cols()) = values.cast<float>();
  return tensor;
}

Moments MomentsOf(const at::Tensor& samples) {
  const at::Tensor rows = samples.detach().to(at::kDouble).contiguous();
  const Eigen::Map<const RowMajorDouble> x(rows.const_data_ptr<double>(), rows.size(0), rows.size(1));
  Moments moments;
  moments.mean = x.colwise().mean();
  const RowMajorDouble centred = x.rowwise() - moments.mean.transpose();
  moments.covariance = centred.transpose() * centred / static_cast<double>(rows.size(0));
  return moments;
}

std::vector<float> ToFloats(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  const at::Tensor flat = tensor.contiguous();
  const float* data = flat.const_data_ptr<float>();
  return {data, data + flat.numel()};
}

at::Tensor ViewOf(const Table& table) {
  return at::from_blob(const_cast<float*>(table.values.data()), {table.rows, table.columns}, at::TensorOptions(at::kFloat));
}

}  // namespace sliceflow::engine
