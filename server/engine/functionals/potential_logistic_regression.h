// The negative log-posterior of Bayesian logistic regression (Liu & Wang 2016, section 5).
#pragma once

#include <cstdint>

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"
#include "server/engine/functionals/logistic_regression_rows.h"

namespace sliceflow::engine {

// x = (w, s) with w ∈ R^p and s = log α, p features with the constant among them, α ~ Gamma(1, β), β = 0.01:
//   V(x) = ½ eˢ |w|² − (p/2) s + (p/2) log 2π + β eˢ − log β − s + Σᵢ log(1 + exp(−yᵢ ⟨w, fᵢ⟩)).
// With a batch size, iterations take that many training rows and scale the sum; evaluations take at least kThoroughRows of them.
// Works through the rows in tiles: memory is n × tile, not n × rows.
class LogisticRegressionFunctional final : public Functional {
 public:
  LogisticRegressionFunctional(const BayesianLogisticRegressionPotential& spec, uint64_t seed);
  TermValue Evaluate(const Batch& batch, const TermDraw& draw) override;

 private:
  LabelledRows Rows(const TermDraw& draw) const;

  LabelledRows training_;
  int64_t batch_size_;
};

}  // namespace sliceflow::engine
