// A query for the distance between two distributions.
#pragma once

#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "common/blob_inbox.h"
#include "common/tensor.h"
#include "server/engine/distance.h"
#include "server/worker/translate.h"
#include "sliceflow/worker/v1/worker.pb.h"

namespace sliceflow::worker {

// A job's step before its flow is restored.
struct SavedFlow {
  engine::FlowSpec spec;
  std::string checkpoint;
};
using DistanceSide = std::variant<SavedFlow, engine::TablePtr, engine::GaussianMixture>;

struct DistanceQuery {
  engine::DistanceRequest request;
  DistanceSide first;
  DistanceSide second;
};

// The query with what came before it. Errors as those of TranslateSpec; NotFound for a checkpoint or a data set that was not sent.
absl::StatusOr<DistanceQuery> TakeDistance(const v1::ComputeDistance& query, BlobInbox& inbox, const Tables& tables);

// The answer as it travels: value, standard error, samples used of either side, bandwidth. An error of `query` is the answer.
absl::StatusOr<Tensor> AnswerDistance(const absl::StatusOr<DistanceQuery>& query);

}  // namespace sliceflow::worker
