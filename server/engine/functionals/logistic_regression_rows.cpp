#include "server/engine/functionals/logistic_regression_rows.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "server/engine/dense.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

LabelledRows Standardise(const at::Tensor& rows, const at::Tensor& mean, const at::Tensor& deviation) {
  const int64_t features = rows.size(1) - 1;
  const at::Tensor varies = deviation > 0;
  const at::Tensor scaled = (rows.narrow(1, 0, features).to(at::kDouble) - mean) / at::where(varies, deviation, 1.0);
  const at::Tensor standard = at::where(varies, scaled, 0.0).to(at::kFloat);
  const at::Tensor labels = rows.select(1, features);
  return {.features = at::cat({at::ones({rows.size(0), 1}, at::kFloat), standard}, 1),
          .labels = at::where(labels > 0, at::ones_like(labels), -at::ones_like(labels))};
}

}  // namespace

std::vector<const BayesianLogisticRegressionPotential*> RegressionsOf(const std::vector<WeightedTerm>& terms) {
  std::vector<const BayesianLogisticRegressionPotential*> found;
  for (const WeightedTerm& weighted : terms) {
    const auto* relative = std::get_if<RelativeEntropyTerm>(&weighted.term);
    const auto* regression = relative != nullptr ? std::get_if<BayesianLogisticRegressionPotential>(&relative->potential)
                                                 : std::get_if<BayesianLogisticRegressionPotential>(&weighted.term);
    if (regression != nullptr) found.push_back(regression);
  }
  return found;
}

LogisticRegressionRows DivideRows(const BayesianLogisticRegressionPotential& spec, uint64_t seed) {
  at::Tensor rows = ViewOf(*spec.table);
  const int64_t count = rows.size(0);
  if (spec.shuffle) {
    at::Generator random = MakeGenerator(seed, Purpose::kSplit);
    rows = rows.index_select(0, at::randperm(count, random, at::TensorOptions(at::kLong)));
  }
  const auto wanted = static_cast<int64_t>(std::floor(spec.train_fraction * static_cast<double>(count)));
  const int64_t train = std::clamp<int64_t>(wanted, 1, count - 1);
  const at::Tensor training = rows.narrow(0, 0, train);
  const at::Tensor features = training.narrow(1, 0, rows.size(1) - 1).to(at::kDouble);
  const at::Tensor mean = features.mean(0);
  const at::Tensor deviation = (features - mean).square().mean(0).sqrt();
  return {.training = Standardise(training, mean, deviation),
          .held_out = Standardise(rows.narrow(0, train, count - train), mean, deviation)};
}

}  // namespace sliceflow::engine
