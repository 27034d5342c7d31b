#include "server/api/job_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "server/api/distance_call.h"
#include "server/api/expression_calls.h"
#include "server/api/gate/gate.h"
#include "server/api/list_jobs.h"
#include "server/api/query_streams.h"
#include "server/api/reply.h"

namespace sliceflow::api {
namespace {

// Requests have no owner while the server knows no users.
constexpr char kNobody[] = "";

absl::StatusOr<std::string> JobId(const std::string& name) { return ParseResourceName("jobs", name, "name"); }

}  // namespace

JobServiceImpl::JobServiceImpl(jobs::Jobs& jobs, jobs::Datasets& datasets, scheduler::Scheduler& scheduler, WatchStreams& watches,
                               const Limits& limits)
    : jobs_(jobs), datasets_(datasets), scheduler_(scheduler), watches_(watches), limits_(limits) {}

grpc::ServerUnaryReactor* JobServiceImpl::CreateJob(grpc::CallbackServerContext* context, const v1::CreateJobRequest* request,
                                                    v1::Job* response) {
  absl::StatusOr<v1::Job> job = CheckCreateJob(*request, datasets_, limits_);
  if (!job.ok()) return Reply(context, job.status());
  std::vector<ExpressionField> expressions = ExpressionsOf(job->spec());
  const auto create = [this, request, response, checked = *std::move(job)] {
    absl::StatusOr<v1::Job> created = checked;
    if (!request->validate_only()) {
      created = jobs_.Create(checked, kNobody, request->request_id(), static_cast<int>(limits_.max_active_jobs));
    }
    if (created.ok()) *response = std::move(*created);
    return created.status();
  };
  if (expressions.empty()) return Reply(context, create());
  std::vector<scheduler::Query> queries;
  for (const ExpressionField& expression : expressions) queries.push_back(expression.query);
  return AskAll(scheduler_, std::move(queries),
                [create, expressions = std::move(expressions)](const std::vector<absl::StatusOr<Tensor>>& answers) {
                  const absl::Status judged = JudgeExpressions(expressions, answers);
                  return judged.ok() ? create() : judged;
                });
}

grpc::ServerUnaryReactor* JobServiceImpl::GetJob(grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
                                                 v1::Job* response) {
  const absl::StatusOr<std::string> id = JobId(request->name());
  return id.ok() ? Reply(context, jobs_.Get(*id), response) : Reply(context, id.status());
}

grpc::ServerUnaryReactor* JobServiceImpl::ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
                                                   v1::ListJobsResponse* response) {
  absl::StatusOr<store::JobQuery> query = ToQuery(*request);
  if (!query.ok()) return Reply(context, query.status());
  absl::StatusOr<jobs::Jobs::Page> page = jobs_.List(*std::move(query));
  if (!page.ok()) return Reply(context, page.status());
  for (v1::Job& job : page->jobs) *response->add_jobs() = std::move(job);
  if (page->next_number.has_value()) response->set_next_page_token(PageToken(*request, *page->next_number));
  return Reply(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* JobServiceImpl::CancelJob(grpc::CallbackServerContext* context, const v1::CancelJobRequest* request,
                                                    v1::Job* response) {
  const absl::StatusOr<std::string> id = JobId(request->name());
  return id.ok() ? Reply(context, jobs_.Cancel(*id, request->etag()), response) : Reply(context, id.status());
}

grpc::ServerUnaryReactor* JobServiceImpl::DeleteJob(grpc::CallbackServerContext* context, const v1::DeleteJobRequest* request,
                                                    google::protobuf::Empty* /*response*/) {
  const absl::StatusOr<std::string> id = JobId(request->name());
  return Reply(context, id.ok() ? jobs_.Delete(*id, request->etag()) : id.status());
}

grpc::ServerUnaryReactor* JobServiceImpl::PauseJob(grpc::CallbackServerContext* context, const v1::PauseJobRequest* /*request*/,
                                                   v1::Job* /*response*/) {
  return Reply(context, NotServed("sliceflow.v1.JobService.PauseJob"));
}

grpc::ServerUnaryReactor* JobServiceImpl::ResumeJob(grpc::CallbackServerContext* context, const v1::ResumeJobRequest* /*request*/,
                                                    v1::Job* /*response*/) {
  return Reply(context, NotServed("sliceflow.v1.JobService.ResumeJob"));
}

grpc::ServerUnaryReactor* JobServiceImpl::ForkJob(grpc::CallbackServerContext* context, const v1::ForkJobRequest* /*request*/,
                                                  v1::Job* /*response*/) {
  return Reply(context, NotServed("sliceflow.v1.JobService.ForkJob"));
}

grpc::ServerWriteReactor<v1::WatchJobResponse>* JobServiceImpl::WatchJob(grpc::CallbackServerContext* /*context*/,
                                                                         const v1::WatchJobRequest* request) {
  return watches_.Open(*request);
}

grpc::ServerWriteReactor<v1::TensorChunk>* JobServiceImpl::SampleJob(grpc::CallbackServerContext* /*context*/,
                                                                     const v1::SampleJobRequest* request) {
  return OpenSampleStream(jobs_, scheduler_, limits_, *request);
}

grpc::ServerBidiReactor<v1::EvaluateDensityRequest, v1::TensorChunk>* JobServiceImpl::EvaluateDensity(
    grpc::CallbackServerContext* /*context*/) {
  return OpenDensityStream(jobs_, scheduler_, limits_);
}

grpc::ServerUnaryReactor* JobServiceImpl::ComputeDistance(grpc::CallbackServerContext* context, const v1::ComputeDistanceRequest* request,
                                                          v1::ComputeDistanceResponse* response) {
  const auto find_step = [this](const std::string& id, std::optional<int> step) { return jobs_.FindKeptStep(id, step); };
  absl::StatusOr<v1::ComputeDistanceRequest> complete = CheckComputeDistance(*request, find_step, datasets_, limits_);
  return complete.ok() ? OpenDistanceCall(scheduler_, *std::move(complete), response) : Reply(context, complete.status());
}

grpc::ServerWriteReactor<v1::ExportModelResponse>* JobServiceImpl::ExportModel(grpc::CallbackServerContext* /*context*/,
                                                                               const v1::ExportModelRequest* /*request*/) {
  class Refusal final : public grpc::ServerWriteReactor<v1::ExportModelResponse> {
   public:
    Refusal() { Finish(ToGrpcStatus(NotServed("sliceflow.v1.JobService.ExportModel"))); }
    void OnDone() override { delete this; }
  };
  return new Refusal;
}

}  // namespace sliceflow::api
