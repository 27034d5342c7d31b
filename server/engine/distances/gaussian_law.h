// Gaussians by mean and covariance, in double.
#pragma once

#include <Eigen/Dense>

namespace sliceflow::engine {

struct GaussianLaw {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
};

}  // namespace sliceflow::engine
