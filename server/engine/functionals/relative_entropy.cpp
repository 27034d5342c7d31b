#include "server/engine/functionals/relative_entropy.h"

#include <cmath>
#include <numbers>
#include <utility>

#include <ATen/ATen.h>

#include "server/engine/dense.h"

namespace sliceflow::engine {

double KnownLogNormalizer(const PotentialSpec& potential) {
  const auto* quadratic = std::get_if<QuadraticPotential>(&potential);
  if (quadratic == nullptr) return 0;  // that of a mixture, which is normalised, is 0
  const auto dimension = static_cast<int>(quadratic->center.size());
  const Eigen::MatrixXd factor = ToMatrix(quadratic->precision, dimension).llt().matrixL();
  return 0.5 * dimension * std::log(2 * std::numbers::pi) - factor.diagonal().array().log().sum();
}

RelativeEntropyFunctional::RelativeEntropyFunctional(std::unique_ptr<Functional> potential, double log_normalizer)
    : potential_(std::move(potential)), log_normalizer_(log_normalizer) {}

TermValue RelativeEntropyFunctional::Evaluate(const Batch& batch, const TermDraw& draw) {
  TermValue result = potential_->Evaluate(batch, draw);
  const TermValue entropy = entropy_.Evaluate(batch, draw);
  result.value += entropy.value + log_normalizer_;
  result.other_error = std::hypot(result.other_error, entropy.other_error);
  result.per_sample = entropy.per_sample.defined() ? result.per_sample + entropy.per_sample + log_normalizer_ : at::Tensor();
  result.density_gradient = entropy.density_gradient;
  return result;
}

}  // namespace sliceflow::engine
