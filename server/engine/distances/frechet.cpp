#include "server/engine/distances/frechet.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "server/engine/dense.h"
#include "server/engine/distances/bures.h"
#include "server/engine/expressions/row_map.h"

namespace sliceflow::engine {
namespace {

RowMap::Result Compile(const FrechetDistance& spec, int64_t dimension) {
  RowMap::Signature signature{.inputs = dimension};
  for (const TablePtr& table : spec.weights) signature.tensors.push_back({table->rows, table->columns});
  RowMap::Result result = RowMap::Compile(spec.features, signature);
  if (!std::holds_alternative<std::unique_ptr<const RowMap>>(result)) return result;
  const int64_t features = std::get<0>(result)->outputs();
  if (features <= kMaxFeatures) return result;
  return ExpressionRefusal{0, absl::StrCat("it gives ", features, " features; at most ", kMaxFeatures, " are taken")};
}

absl::StatusOr<GaussianFit> FitFeatures(const RowMap& map, const std::vector<at::Tensor>& weights, const at::Tensor& samples) {
  at::Tensor features = map.Evaluate(samples, weights);
  if (!at::isfinite(features).all().item<bool>()) return absl::InvalidArgumentError("features: are not finite at some samples");
  Moments moments = MomentsOf(features);
  return GaussianFit{{std::move(moments.mean), std::move(moments.covariance)}, std::move(features)};
}

}  // namespace

std::optional<ExpressionRefusal> CheckFeatures(const FrechetDistance& spec, int dimension) {
  if (spec.features.empty()) return std::nullopt;
  const RowMap::Result result = Compile(spec, dimension);
  if (const auto* refusal = std::get_if<ExpressionRefusal>(&result)) return *refusal;
  return std::nullopt;
}

absl::StatusOr<Estimate> FrechetOfFeatures(const FrechetDistance& spec, const at::Tensor& x, const at::Tensor& y) {
  const RowMap::Result compiled = Compile(spec, x.size(1));
  if (const auto* refusal = std::get_if<ExpressionRefusal>(&compiled)) {
    return absl::InvalidArgumentError(absl::StrCat("features: line ", refusal->line, ": ", refusal->reason));
  }
  const RowMap& map = *std::get<0>(compiled);
  std::vector<at::Tensor> weights;
  for (const TablePtr& table : spec.weights) weights.push_back(ViewOf(*table));
  const absl::StatusOr<GaussianFit> first = FitFeatures(map, weights, x);
  if (!first.ok()) return first.status();
  const absl::StatusOr<GaussianFit> second = FitFeatures(map, weights, y);
  if (!second.ok()) return second.status();
  return Bures(*first, *second);
}

}  // namespace sliceflow::engine
