// `accuracy`, `log_likelihood`: of the posterior-mean prediction on the held-out rows of Bayesian logistic regression.
#pragma once

#include <vector>

#include "server/engine/functionals/logistic_regression_rows.h"
#include "server/engine/metrics/metric.h"

namespace sliceflow::engine {

// p(y = 1 | f) = mean over samples of σ(⟨w, f⟩); a row counts as right when its label has the larger probability.
class HeldOutPrediction final : public StepMetric {
 public:
  HeldOutPrediction(const BayesianLogisticRegressionPotential& spec, uint64_t seed);
  std::vector<Metric> Compute(const Batch& batch, double wasserstein_time) const override;

 private:
  LabelledRows held_out_;
};

}  // namespace sliceflow::engine
