#include "server/worker/query_runner.h"

#include <new>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "server/engine/check_expression.h"
#include "server/worker/model_description.h"

namespace sliceflow::worker {
namespace {

absl::Status WithSomeReason(absl::Status status, absl::string_view reason) {
  return Reason(status).empty() ? WithReason(std::move(status), reason) : status;
}

absl::StatusOr<Tensor> Draw(engine::Flow& flow, const v1::DrawSamples& draw) {
  absl::StatusOr<engine::SampleBatch> samples = flow.Samples(draw.count(), draw.seed());
  if (!samples.ok()) return samples.status();
  return Tensor{{samples->count, samples->dimension}, std::move(samples->values)};
}

absl::StatusOr<Tensor> Evaluate(engine::Flow& flow, const Tensor& points) {
  absl::StatusOr<std::vector<float>> densities = flow.LogDensity(points.values);
  if (!densities.ok()) return densities.status();
  return Tensor{{static_cast<int64_t>(densities->size())}, *std::move(densities)};
}

absl::StatusOr<std::string> Export(const engine::Flow& flow, const v1::Query& query) {
  const bool tensors = query.export_model().format() == contract::ExportModelRequest::SAFETENSORS;
  return flow.Export(tensors ? engine::ExportFormat::kSafetensors : engine::ExportFormat::kTorchScript,
                     DescribeModel(query, flow.report()));
}

engine::ExpressionKind KindOf(contract::CheckExpressionRequest::Kind kind) {
  return kind == contract::CheckExpressionRequest::INTERACTION ? engine::ExpressionKind::kInteraction : engine::ExpressionKind::kPotential;
}

absl::Status Refuse(const engine::ExpressionRefusal& refusal) {
  return WithReason(absl::InvalidArgumentError(refusal.reason), "EXPRESSION_REFUSED", {{"line", absl::StrCat(refusal.line)}});
}

// A row for each row of noise: the sample.
absl::StatusOr<Tensor> CheckGenerator(const v1::CheckExpression& check, const Tensor& noise) {
  const engine::GeneratorModel generator = TranslateGenerator(check.source(), static_cast<int>(noise.shape[1]), check.parameters());
  auto answer = engine::CheckGenerator(generator, check.dimension(), noise.values);
  if (const auto* refusal = std::get_if<engine::ExpressionRefusal>(&answer)) return Refuse(*refusal);
  return Tensor{{noise.shape[0], check.dimension()}, std::get<0>(std::move(answer))};
}

// A row for each point: the value, then the gradient.
absl::StatusOr<Tensor> Check(const v1::CheckExpression& check, const Tensor& points) {
  if (points.shape.size() != 2 || points.values.empty()) return absl::InvalidArgumentError("points: must be a matrix that is not empty");
  if (check.kind() == contract::CheckExpressionRequest::GENERATOR) return CheckGenerator(check, points);
  const int64_t count = points.shape[0];
  const auto dimension = static_cast<int>(points.shape[1]);
  const auto answer = engine::CheckExpression(KindOf(check.kind()), check.source(), dimension, points.values);
  if (const auto* refusal = std::get_if<engine::ExpressionRefusal>(&answer)) return Refuse(*refusal);
  const auto& found = std::get<engine::ExpressionValues>(answer);
  Tensor rows{{count, dimension + 1}, {}};
  rows.values.reserve(found.values.size() + found.gradients.size());
  for (int64_t i = 0; i < count; ++i) {
    rows.values.push_back(found.values[static_cast<size_t>(i)]);
    const auto gradient = found.gradients.begin() + i * dimension;
    rows.values.insert(rows.values.end(), gradient, gradient + dimension);
  }
  return rows;
}

}  // namespace

QueryRunner::QueryRunner(Connection& connection) : connection_(connection), thread_([this] { Run(); }) {}

QueryRunner::~QueryRunner() {
  (void)Stop(absl::InfiniteDuration());
  thread_.join();
}

absl::Status QueryRunner::Handle(const v1::AttachResponse& message, BlobInbox& inbox, const Tables& tables) {
  if (!message.has_query()) {
    return absl::InvalidArgumentError(absl::StrCat("a worker of queries was sent a message of kind ", message.kind_case()));
  }
  auto task = std::make_unique<Task>();
  task->query = message.query();
  if (!message.query().has_check_expression()) {
    task->spec = TranslateSpec(message.query().spec(), tables, message.query().fork_origin());
  }
  if (inbox.Has("checkpoint")) {
    absl::StatusOr<std::string> checkpoint = inbox.TakeBytes("checkpoint");
    if (!checkpoint.ok()) return checkpoint.status();
    task->checkpoint = *std::move(checkpoint);
  }
  if (message.query().has_evaluate_log_density() || message.query().has_check_expression()) {
    absl::StatusOr<Tensor> points = inbox.TakeTensor("points");
    if (!points.ok()) return points.status();
    task->points = *std::move(points);
  }
  if (message.query().has_compute_distance()) task->distance = TakeDistance(message.query().compute_distance(), inbox, tables);
  absl::MutexLock lock(&mutex_);
  if (task_ || computing_) return absl::FailedPreconditionError("a query is being answered already");
  task_ = std::move(task);
  return absl::OkStatus();
}

bool QueryRunner::Stop(absl::Duration time) {
  absl::MutexLock lock(&mutex_);
  ending_ = true;
  task_ = nullptr;
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !computing_; };
  return idle_.AwaitWithTimeout(mutex_, idle, time);
}

void QueryRunner::Run() {
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ending_ || task_ != nullptr; };
  while (true) {
    std::unique_ptr<Task> task;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&ready));
      if (!task_) return;
      task = std::move(task_);
      computing_ = true;
    }
    Answer(*task);
  }
}

void QueryRunner::Answer(Task& task) {
  const absl::StatusOr<Result> result = Compute(task);
  if (result.ok()) {
    Send(*result);
  } else {
    held_.reset();
  }
  v1::AttachRequest message;
  message.mutable_query_done()->set_query(task.query.query());
  *message.mutable_query_done()->mutable_status() = ToRpcStatus(result.status());
  {
    // Before it is told: the daemon may answer with the next query at once.
    absl::MutexLock lock(&mutex_);
    computing_ = false;
    idle_.SignalAll();
  }
  connection_.Send(message);
}

void QueryRunner::Send(const Result& result) {
  if (!result.file.empty()) return connection_.SendBlob("result", {}, result.file);
  const std::vector<float>& values = result.tensor.values;
  const absl::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  connection_.SendBlob("result", result.tensor.shape, bytes);
}

absl::StatusOr<QueryRunner::Result> QueryRunner::Tabular(absl::StatusOr<Tensor> tensor) {
  if (!tensor.ok()) return tensor.status();
  return Result{.tensor = *std::move(tensor)};
}

absl::StatusOr<QueryRunner::Result> QueryRunner::Compute(Task& task) {
  try {
    if (task.query.has_check_expression()) return Tabular(Check(task.query.check_expression(), task.points));
    absl::StatusOr<Result> result = task.distance.has_value() ? Tabular(AnswerDistance(*task.distance)) : ComputeAtStep(task);
    if (!result.ok()) return WithSomeReason(result.status(), "ENGINE_REFUSED");
    return result;
  } catch (const std::bad_alloc&) {
    return WithReason(absl::ResourceExhaustedError("the worker's memory does not suffice for this query"), "OUT_OF_MEMORY");
  }
}

absl::StatusOr<QueryRunner::Result> QueryRunner::ComputeAtStep(Task& task) {
  if (absl::Status status = Hold(task); !status.ok()) return status;
  engine::Flow& flow = *held_->flow;
  if (task.query.has_draw_samples()) return Tabular(Draw(flow, task.query.draw_samples()));
  if (task.query.has_evaluate_log_density()) return Tabular(Evaluate(flow, task.points));
  absl::StatusOr<std::string> file = Export(flow, task.query);
  if (!file.ok()) return file.status();
  return Result{.file = *std::move(file)};
}

absl::Status QueryRunner::Hold(Task& task) {
  if (!task.checkpoint.has_value()) {
    if (held_.has_value() && held_->job == task.query.job() && held_->step == task.query.step()) return absl::OkStatus();
    return WithReason(absl::InternalError("the checkpoint of a query was not sent"), "CHECKPOINT_MISSING");
  }
  held_.reset();
  if (!task.spec.ok()) return WithSomeReason(task.spec.status(), "ENGINE_REFUSED");
  absl::StatusOr<std::unique_ptr<engine::Flow>> flow = engine::Flow::Restore(*task.spec, *task.checkpoint);
  if (!flow.ok()) return WithSomeReason(flow.status(), "CHECKPOINT_REFUSED");
  held_ = Held{task.query.job(), task.query.step(), *std::move(flow)};
  return absl::OkStatus();
}

}  // namespace sliceflow::worker
