#include "server/worker/distance_query.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/errors.h"

namespace sliceflow::worker {
namespace {

absl::StatusOr<engine::TablePtr> FindTable(const std::string& name, const Tables& tables) {
  const auto table = tables.find(name);
  if (table == tables.end()) return absl::NotFoundError(name + " is not with the worker");
  return table->second;
}

absl::StatusOr<engine::DistanceSpec> TranslateFrechet(const contract::FrechetDistance& distance, const Tables& tables) {
  engine::FrechetDistance translated{distance.features(), {}};
  for (const std::string& name : distance.weights()) {
    absl::StatusOr<engine::TablePtr> table = FindTable(name, tables);
    if (!table.ok()) return table.status();
    translated.weights.push_back(*std::move(table));
  }
  return translated;
}

absl::StatusOr<engine::DistanceSpec> TranslateDistance(const contract::Distance& distance, const Tables& tables) {
  switch (distance.kind_case()) {
    case contract::Distance::kSlicedWasserstein:
      return engine::SlicedWassersteinDistance{distance.sliced_wasserstein().order(), distance.sliced_wasserstein().num_projections()};
    case contract::Distance::kWasserstein:
      return engine::WassersteinDistance{};
    case contract::Distance::kBures:
      return engine::BuresDistance{};
    case contract::Distance::kMmd:
      return engine::MmdDistance{distance.mmd().bandwidth()};
    case contract::Distance::kEnergy:
      return engine::EnergyDistance{};
    case contract::Distance::kKl:
      return engine::KlDistance{};
    case contract::Distance::kSymmetricKl:
      return engine::SymmetricKlDistance{};
    case contract::Distance::kGaussianSymmetricKl:
      return engine::GaussianSymmetricKlDistance{};
    case contract::Distance::kFrechet:
      return TranslateFrechet(distance.frechet(), tables);
    default:
      return absl::InvalidArgumentError("this worker knows no such distance");
  }
}

absl::StatusOr<DistanceSide> TakeFlow(const v1::DistanceSide& side, const std::string& key, BlobInbox& inbox, const Tables& tables) {
  absl::StatusOr<std::string> checkpoint = inbox.TakeBytes(key);
  if (!checkpoint.ok()) return checkpoint.status();
  absl::StatusOr<engine::FlowSpec> spec = TranslateSpec(side.spec(), tables, side.fork_origin());
  if (!spec.ok()) return spec.status();
  return SavedFlow{*std::move(spec), *std::move(checkpoint)};
}

absl::StatusOr<DistanceSide> TakeSide(const v1::DistanceSide& side, const std::string& key, BlobInbox& inbox, const Tables& tables) {
  switch (side.operand().kind_case()) {
    case contract::DistanceOperand::kJobStep:
      return TakeFlow(side, key, inbox, tables);
    case contract::DistanceOperand::kDataset:
      return FindTable(side.operand().dataset(), tables);
    case contract::DistanceOperand::kGaussian:
      return engine::GaussianMixture{{{1, TranslateGaussian(side.operand().gaussian())}}};
    case contract::DistanceOperand::kMixture:
      return TranslateMixture(side.operand().mixture());
    default:
      return absl::InvalidArgumentError("this worker knows no such side of a distance");
  }
}

// A side as the engine takes it, and the flow that it borrows.
struct Opened {
  std::unique_ptr<engine::Flow> flow;
  engine::Operand operand;
};

struct Opener {
  absl::StatusOr<Opened> operator()(const SavedFlow& saved) const {
    absl::StatusOr<std::unique_ptr<engine::Flow>> flow = engine::Flow::Restore(saved.spec, saved.checkpoint);
    if (!flow.ok()) return WithReason(flow.status(), "CHECKPOINT_REFUSED");
    engine::Flow* const borrowed = flow->get();
    return Opened{*std::move(flow), borrowed};
  }
  absl::StatusOr<Opened> operator()(const engine::TablePtr& table) const { return Opened{nullptr, table}; }
  absl::StatusOr<Opened> operator()(const engine::GaussianMixture& mixture) const { return Opened{nullptr, mixture}; }
};

int DimensionOf(const DistanceSide& side) {
  if (const auto* saved = std::get_if<SavedFlow>(&side)) return saved->spec.dimension;
  if (const auto* table = std::get_if<engine::TablePtr>(&side)) return static_cast<int>((*table)->columns);
  const auto& mixture = std::get<engine::GaussianMixture>(side);
  return mixture.components.empty() ? 0 : static_cast<int>(mixture.components[0].gaussian.mean.size());
}

// A user's source that is refused is a field of the request that is wrong.
absl::Status CheckFeatures(const DistanceQuery& query) {
  const auto* frechet = std::get_if<engine::FrechetDistance>(&query.request.distance);
  if (frechet == nullptr) return absl::OkStatus();
  const std::optional<engine::ExpressionRefusal> refusal = engine::CheckFeatures(*frechet, DimensionOf(query.first));
  if (!refusal.has_value()) return absl::OkStatus();
  FieldViolations violations;
  violations.Add("distance.frechet.features",
                 refusal->line == 0 ? refusal->reason : "line " + std::to_string(refusal->line) + ": " + refusal->reason);
  return violations.ToStatus();
}

}  // namespace

absl::StatusOr<DistanceQuery> TakeDistance(const v1::ComputeDistance& query, BlobInbox& inbox, const Tables& tables) {
  // Both sides are taken whatever is wrong with one, so that the inbox is empty for the next query.
  absl::StatusOr<DistanceSide> first = TakeSide(query.first(), "first_checkpoint", inbox, tables);
  absl::StatusOr<DistanceSide> second = TakeSide(query.second(), "second_checkpoint", inbox, tables);
  if (!first.ok()) return first.status();
  if (!second.ok()) return second.status();
  absl::StatusOr<engine::DistanceSpec> distance = TranslateDistance(query.distance(), tables);
  if (!distance.ok()) return distance.status();
  return DistanceQuery{{*distance, query.samples(), query.seed()}, *std::move(first), *std::move(second)};
}

absl::StatusOr<Tensor> AnswerDistance(const absl::StatusOr<DistanceQuery>& query) {
  if (!query.ok()) return query.status();
  if (absl::Status status = CheckFeatures(*query); !status.ok()) return status;
  const absl::StatusOr<Opened> first = std::visit(Opener{}, query->first);
  if (!first.ok()) return first.status();
  const absl::StatusOr<Opened> second = std::visit(Opener{}, query->second);
  if (!second.ok()) return second.status();
  const absl::StatusOr<engine::Distance> distance = engine::ComputeDistance(query->request, first->operand, second->operand);
  if (!distance.ok()) return distance.status();
  return Tensor{
      {5},
      {static_cast<float>(distance->value), static_cast<float>(distance->standard_error), static_cast<float>(distance->first_samples),
       static_cast<float>(distance->second_samples), static_cast<float>(distance->bandwidth)}};
}

}  // namespace sliceflow::worker
