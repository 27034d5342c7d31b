#include "server/scheduler/query_lane.h"

#include <memory>
#include <vector>

#include "common/errors.h"
#include "common/ids.h"

namespace sliceflow::scheduler {

using worker::v1::AttachRequest;
using worker::v1::AttachResponse;

QueryLane::QueryLane(WorkerSession& session, QueryDesk& desk, jobs::Jobs& jobs, DatasetLedger ledger, std::function<void()> kill)
    : session_(session), desk_(desk), jobs_(jobs), ledger_(std::move(ledger)), kill_(std::move(kill)) {
  desk_.Add(this);
}

void QueryLane::Poke() {
  if (!poked_.exchange(true)) session_.Post([this] { Pull(); });
}

void QueryLane::Pull() {
  poked_ = false;
  while (!closed_ && !current_) {
    QueryDesk::PendingPtr pending = desk_.Take(this);
    if (!pending) return;
    const absl::Status handed = Hand(*pending);
    if (handed.ok()) {
      current_ = std::move(pending);
    } else {
      desk_.Answer(pending, handed);
    }
  }
}

absl::Status QueryLane::HandExpression(const QueryDesk::Pending& pending) {
  if (!pending.query.points.has_value()) return absl::InvalidArgumentError("an expression is evaluated at points");
  AttachResponse message;
  message.mutable_query()->set_query(pending.number);
  worker::v1::CheckExpression& check = *message.mutable_query()->mutable_check_expression();
  check.set_kind(pending.query.expression->kind);
  check.set_source(pending.query.expression->source);
  check.set_dimension(pending.query.expression->dimension);
  *check.mutable_parameters() = pending.query.expression->parameters;
  SendPoints(*pending.query.points);
  session_.Send(std::move(message));
  return absl::OkStatus();
}

void QueryLane::SendPoints(const Tensor& points) {
  auto sent = std::make_shared<const Tensor>(points);
  const absl::string_view bytes(reinterpret_cast<const char*>(sent->values.data()), sent->values.size() * sizeof(float));
  session_.SendBlob("points", sent->shape, {sent, bytes});
}

void QueryLane::SendCheckpoint(const std::string& key, std::string bytes) {
  auto shared = std::make_shared<const std::string>(std::move(bytes));
  session_.SendBlob(key, {}, {shared, *shared});
}

absl::Status QueryLane::Hand(const QueryDesk::Pending& pending) {
  if (pending.query.expression.has_value()) return HandExpression(pending);
  if (pending.query.distance.has_value()) return HandDistance(pending.number, pending.query);
  return HandAtCheckpoint(pending);
}

absl::Status QueryLane::HandAtCheckpoint(const QueryDesk::Pending& pending) {
  absl::StatusOr<jobs::Checkpoint> checkpoint = jobs_.LoadCheckpoint(pending.query.job_id, pending.query.step);
  if (!checkpoint.ok()) return checkpoint.status();
  if (absl::Status status = ledger_.Provide(checkpoint->owner, checkpoint->spec); !status.ok()) return status;

  AttachResponse message;
  worker::v1::Query& query = *message.mutable_query();
  query.set_query(pending.number);
  query.set_job(JobName(pending.query.job_id));
  query.set_step(checkpoint->step);
  *query.mutable_spec() = std::move(checkpoint->spec);
  *query.mutable_fork_origin() = std::move(checkpoint->origin);
  if (pending.query.draw.has_value()) {
    query.mutable_draw_samples()->set_count(pending.query.draw->count);
    query.mutable_draw_samples()->set_seed(pending.query.draw->seed);
  } else if (pending.query.points.has_value()) {
    query.mutable_evaluate_log_density();
    SendPoints(*pending.query.points);
  } else if (pending.query.format.has_value()) {
    query.mutable_export_model()->set_format(*pending.query.format);
  } else {
    return absl::InvalidArgumentError("a query asks for samples, for log-densities or for the model");
  }
  std::pair<std::string, int> at(pending.query.job_id, checkpoint->step);
  if (held_ != at) {
    SendCheckpoint("checkpoint", std::move(checkpoint->bytes));
    held_ = std::move(at);
  }
  session_.Send(std::move(message));
  return absl::OkStatus();
}

// What the worker holds from its last query stays with it.
absl::Status QueryLane::HandDistance(int64_t number, const Query& query) {
  const v1::ComputeDistanceRequest& request = *query.distance;
  AttachResponse message;
  message.mutable_query()->set_query(number);
  worker::v1::ComputeDistance& distance = *message.mutable_query()->mutable_compute_distance();
  *distance.mutable_first()->mutable_operand() = request.first();
  *distance.mutable_second()->mutable_operand() = request.second();
  *distance.mutable_distance() = request.distance();
  distance.set_samples(request.samples());
  distance.set_seed(request.seed());

  DatasetNames datasets;
  for (const std::string& name : request.distance().frechet().weights()) datasets.emplace(query.owner, name);
  std::vector<std::pair<std::string, std::string>> checkpoints;
  for (const auto& [key, side] :
       {std::pair{"first_checkpoint", distance.mutable_first()}, std::pair{"second_checkpoint", distance.mutable_second()}}) {
    if (side->operand().has_dataset()) datasets.emplace(query.owner, side->operand().dataset());
    if (!side->operand().has_job_step()) continue;
    const v1::JobStep& at = side->operand().job_step();
    const absl::StatusOr<std::string> id = ParseResourceName("jobs", at.job(), "job");
    if (!id.ok()) return id.status();
    absl::StatusOr<jobs::Checkpoint> checkpoint = jobs_.LoadCheckpoint(*id, at.step());
    if (!checkpoint.ok()) return checkpoint.status();
    for (std::string& name : ReferredDatasets(checkpoint->spec)) datasets.emplace(checkpoint->owner, std::move(name));
    *side->mutable_spec() = std::move(checkpoint->spec);
    *side->mutable_fork_origin() = std::move(checkpoint->origin);
    checkpoints.emplace_back(key, std::move(checkpoint->bytes));
  }
  if (absl::Status status = ledger_.Provide(datasets); !status.ok()) return status;
  for (auto& [key, bytes] : checkpoints) SendCheckpoint(key, std::move(bytes));
  session_.Send(std::move(message));
  return absl::OkStatus();
}

absl::StatusOr<Answer> QueryLane::TakeAnswer(const Query& query) {
  if (query.format.has_value()) {
    absl::StatusOr<std::string> file = session_.inbox().TakeBytes("result");
    if (!file.ok()) return file.status();
    return Answer{.file = *std::move(file)};
  }
  absl::StatusOr<Tensor> tensor = session_.inbox().TakeTensor("result");
  if (!tensor.ok()) return tensor.status();
  return Answer{.tensor = *std::move(tensor)};
}

absl::Status QueryLane::Handle(const AttachRequest& message) {
  if (!message.has_query_done()) return absl::InvalidArgumentError("a worker of queries sent something else than an answer");
  if (!current_ || message.query_done().query() != current_->number) return absl::InvalidArgumentError("an answer to no query");
  const QueryDesk::PendingPtr answered = std::move(current_);
  current_ = nullptr;
  const absl::Status status = FromRpcStatus(message.query_done().status());
  if (!status.ok()) held_.reset();  // the worker keeps a checkpoint only where it could use it
  absl::StatusOr<Answer> result = status.ok() ? TakeAnswer(answered->query) : status;
  session_.inbox().Clear();
  desk_.Answer(answered, std::move(result));
  Pull();
  return absl::OkStatus();
}

void QueryLane::Closed() {
  closed_ = true;
  desk_.Remove(this);
  if (current_) desk_.Lose(current_);
  current_ = nullptr;
}

}  // namespace sliceflow::scheduler
