#include "server/api/expression_calls.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "server/api/question.h"

namespace sliceflow::api {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

bool IsRefusal(const absl::Status& status) { return Reason(status) == "EXPRESSION_REFUSED"; }

// A worker that did not answer in time may do so at the next try; one that the source ended, which stands at `field`, may not.
absl::Status Failure(const absl::Status& status, absl::string_view field) {
  if (Reason(status) == "WORKER_LOST") {
    return WithReason(absl::InternalError(absl::StrCat(field, ": ", status.message())), "WORKER_LOST", {{"field", std::string(field)}});
  }
  if (!absl::IsDeadlineExceeded(status)) return status;
  return WithRetry(WithReason(absl::UnavailableError(absl::StrCat("the expression could not be checked: ", status.message())), "NO_WORKER"),
                   kRetryDelay);
}

v1::TensorChunk ToChunk(const Tensor& tensor) {
  v1::TensorChunk chunk;
  chunk.mutable_shape()->Assign(tensor.shape.begin(), tensor.shape.end());
  chunk.set_data(PackValues(tensor.values));
  chunk.set_last(true);
  return chunk;
}

class ExpressionCall final : public grpc::ServerUnaryReactor {
 public:
  // gRPC takes hold of a reactor, and may destroy it, only after it is made: the loop ends first, whenever the answers come.
  ExpressionCall(scheduler::Scheduler& scheduler, std::vector<scheduler::Query> queries, FinishCall finish)
      : finish_(std::move(finish)), questions_(queries.size()), answers_(queries.size(), absl::UnknownError("")), left_(queries.size()) {
    for (size_t i = 0; i < queries.size(); ++i) {
      const auto take = [this, i](absl::StatusOr<scheduler::Answer> answer) {
        Take(i, answer.ok() ? absl::StatusOr<Tensor>(std::move(answer->tensor)) : answer.status());
      };
      questions_[i].SetCancel(scheduler.Ask(std::move(queries[i]), take));
    }
  }

  void OnCancel() override {
    for (Question& question : questions_) question.Cancel();
  }
  void OnDone() override { delete this; }

 private:
  void Take(size_t i, absl::StatusOr<Tensor> answer) {
    {
      const absl::MutexLock lock(&mutex_);
      answers_[i] = std::move(answer);
      if (--left_ > 0) return;
    }
    Finish(ToGrpcStatus(finish_(std::move(answers_))));
  }

  const FinishCall finish_;
  std::deque<Question> questions_;
  absl::Mutex mutex_;
  std::vector<absl::StatusOr<Tensor>> answers_;  // guarded until the last has come
  size_t left_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::vector<ExpressionField> ExpressionsOf(const std::string& path, const v1::FlowSpec& spec) {
  std::vector<ExpressionField> fields;
  const auto ask = [&](std::string field, scheduler::Query::Expression expression, int columns) {
    scheduler::Query query;
    query.expression = std::move(expression);
    query.points = Tensor{{1, columns}, std::vector<float>(static_cast<size_t>(columns), 0.0F)};
    query.timeout = kExpressionTimeout;
    fields.push_back({std::move(field), std::move(query)});
  };
  const auto add = [&](std::string field, v1::CheckExpressionRequest::Kind kind, const std::string& source) {
    ask(std::move(field), {.kind = kind, .source = source}, spec.dimension());
  };
  for (int i = 0; i < spec.functional().terms_size(); ++i) {
    const v1::FunctionalTerm& term = spec.functional().terms(i);
    const std::string at = absl::StrCat(path, ".functional.terms[", i, "]");
    if (term.potential().has_expression()) {
      add(absl::StrCat(at, ".potential.expression.source"), v1::CheckExpressionRequest::POTENTIAL, term.potential().expression().source());
    } else if (term.relative_entropy().potential().has_expression()) {
      add(absl::StrCat(at, ".relative_entropy.potential.expression.source"), v1::CheckExpressionRequest::POTENTIAL,
          term.relative_entropy().potential().expression().source());
    } else if (term.interaction().has_expression()) {
      add(absl::StrCat(at, ".interaction.expression.source"), v1::CheckExpressionRequest::INTERACTION,
          term.interaction().expression().source());
    }
  }
  if (spec.model().has_generator()) {
    const v1::Generator& generator = spec.model().generator();
    ask(absl::StrCat(path, ".model.generator.source"),
        {.kind = v1::CheckExpressionRequest::GENERATOR,
         .source = generator.source(),
         .dimension = spec.dimension(),
         .parameters = generator.parameters()},
        generator.noise_dimension());
  }
  return fields;
}

absl::Status JudgeExpressions(const std::vector<ExpressionField>& fields, const std::vector<absl::StatusOr<Tensor>>& answers) {
  FieldViolations violations;
  absl::Status failure;
  for (size_t i = 0; i < fields.size(); ++i) {
    const absl::Status& status = answers[i].status();
    if (IsRefusal(status)) {
      const std::string line = ReasonDetail(status, "line");
      violations.Add(fields[i].field, line == "0" ? std::string(status.message()) : absl::StrCat("line ", line, ": ", status.message()));
    } else if (failure.ok()) {
      failure = Failure(status, fields[i].field);
    }
  }
  return violations.empty() ? failure : violations.ToStatus();
}

absl::StatusOr<v1::CheckExpressionResponse> ToResponse(v1::CheckExpressionRequest::Kind kind, const Tensor& points,
                                                       const absl::StatusOr<Tensor>& answer) {
  v1::CheckExpressionResponse response;
  if (IsRefusal(answer.status())) {
    int line = 0;
    if (absl::SimpleAtoi(ReasonDetail(answer.status(), "line"), &line)) response.mutable_refusal()->set_line(line);
    response.mutable_refusal()->set_reason(std::string(answer.status().message()));
    return response;
  }
  if (!answer.ok()) return Failure(answer.status(), "source");
  response.set_finite(std::all_of(answer->values.begin(), answer->values.end(), [](float value) { return std::isfinite(value); }));
  *response.mutable_points() = ToChunk(points);
  if (kind == v1::CheckExpressionRequest::GENERATOR) {
    *response.mutable_values() = ToChunk(*answer);
    return response;
  }
  const int64_t width = points.shape[1] + 1;
  if (answer->shape != std::vector<int64_t>{points.shape[0], width}) return absl::InternalError("the worker's answer has another shape");
  Tensor values{{points.shape[0]}, {}};
  Tensor gradients{points.shape, {}};
  for (int64_t i = 0; i < points.shape[0]; ++i) {
    const auto row = answer->values.begin() + i * width;
    values.values.push_back(*row);
    gradients.values.insert(gradients.values.end(), row + 1, row + width);
  }
  *response.mutable_values() = ToChunk(values);
  *response.mutable_gradients() = ToChunk(gradients);
  return response;
}

grpc::ServerUnaryReactor* AskAll(scheduler::Scheduler& scheduler, std::vector<scheduler::Query> queries, FinishCall finish) {
  return new ExpressionCall(scheduler, std::move(queries), std::move(finish));
}

}  // namespace sliceflow::api
