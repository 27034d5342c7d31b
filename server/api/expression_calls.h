// Calls that wait for a worker to check expressions. The daemon itself never looks into a user's source.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/tensor.h"
#include "server/scheduler/scheduler.h"
#include "sliceflow/v1/flow.pb.h"
#include "sliceflow/v1/server_service.pb.h"

namespace sliceflow::api {

// How long a call waits for a worker.
inline constexpr absl::Duration kExpressionTimeout = absl::Seconds(20);

// An expression of a specification, and where it stands.
struct ExpressionField {
  std::string field;  // such as spec.functional.terms[0].potential.expression.source
  scheduler::Query query;
};

// Those of a specification at `path` that passed the gate, each to be evaluated at the origin.
std::vector<ExpressionField> ExpressionsOf(const std::string& path, const v1::FlowSpec& spec);

// What the answers, in the order of the fields, say of the job: INVALID_ARGUMENT naming every field that is refused, with line and reason;
// UNAVAILABLE with RetryInfo where a worker did not answer; INTERNAL naming the field whose check ended the worker; otherwise OK.
absl::Status JudgeExpressions(const std::vector<ExpressionField>& fields, const std::vector<absl::StatusOr<Tensor>>& answers);

// The response of CheckExpression from the worker's answer for `points`; an error where there was none.
absl::StatusOr<v1::CheckExpressionResponse> ToResponse(v1::CheckExpressionRequest::Kind kind, const Tensor& points,
                                                       const absl::StatusOr<Tensor>& answer);

// The reactor of a call that asks all queries at once and, when all are answered, ends with what `finish` answers for them. `finish` runs
// on a thread of the scheduler, while request and response of the call are still there; a client that goes away cancels the queries.
using FinishCall = std::function<absl::Status(std::vector<absl::StatusOr<Tensor>>)>;
grpc::ServerUnaryReactor* AskAll(scheduler::Scheduler& scheduler, std::vector<scheduler::Query> queries, FinishCall finish);

}  // namespace sliceflow::api
