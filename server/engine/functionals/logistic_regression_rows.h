// The rows of a table as Bayesian logistic regression sees them: divided into training and held-out rows, standardised, with a constant.
// The potential and the metric of held-out prediction make them from the same spec and seed and so see the same division.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

struct LabelledRows {
  at::Tensor features;  // float, rows × p: a column of ones, then the table's features in units of the training rows' mean and deviation
  at::Tensor labels;    // float, rows: −1 or 1
};

struct LogisticRegressionRows {
  LabelledRows training;
  LabelledRows held_out;
};

// The posteriors among `terms`, as potentials or inside relative entropies; they live as long as the terms.
std::vector<const BayesianLogisticRegressionPotential*> RegressionsOf(const std::vector<WeightedTerm>& terms);

// Rows are shuffled by `seed` where the spec says so; the first ⌊train_fraction · rows⌋ of them, but at least one and not all, train.
// Features that do not vary among the training rows become 0.
LogisticRegressionRows DivideRows(const BayesianLogisticRegressionPotential& spec, uint64_t seed);

}  // namespace sliceflow::engine
