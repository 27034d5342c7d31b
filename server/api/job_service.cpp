#include "server/api/job_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "server/api/distance_call.h"
#include "server/api/expression_calls.h"
#include "server/api/gate/fork.h"
#include "server/api/gate/gate.h"
#include "server/api/list_jobs.h"
#include "server/api/query_streams.h"
#include "server/api/reply.h"
#include "server/jobs/request_hash.h"

namespace sliceflow::api {
namespace {

absl::StatusOr<std::string> JobId(const std::string& name) { return ParseResourceName("jobs", name, "name"); }

}  // namespace

JobServiceImpl::JobServiceImpl(Access& access, jobs::Jobs& jobs, jobs::Datasets& datasets, scheduler::Scheduler& scheduler,
                               WatchStreams& watches, const Limits& limits)
    : access_(access), jobs_(jobs), datasets_(datasets), scheduler_(scheduler), watches_(watches), limits_(limits) {}

absl::StatusOr<v1::Job> JobServiceImpl::Create(const Caller& caller, const v1::CreateJobRequest& request, const v1::Job& job) {
  if (request.validate_only()) return job;
  const std::string hash = request.request_id().empty() ? "" : jobs::RequestHash(request.job());
  return jobs_.Create(job, caller.owner, request.request_id(), hash, static_cast<int>(limits_.max_active_jobs));
}

grpc::ServerUnaryReactor* JobServiceImpl::CreateJob(grpc::CallbackServerContext* context, const v1::CreateJobRequest* request,
                                                    v1::Job* response) {
  absl::StatusOr<Call> entered = access_.Enter(*context, {"JobService.CreateJob", Permission::kWrite});
  if (!entered.ok()) return Reply(context, entered.status());
  const auto call = std::make_shared<Call>(*std::move(entered));
  absl::StatusOr<v1::Job> job = CheckCreate(call->caller(), *request);
  if (!job.ok() || !job->name().empty()) {
    if (job.ok()) *response = *job;
    call->End(job.status());
    return Reply(context, job.status());
  }
  std::vector<ExpressionField> expressions = ExpressionsOf("spec", job->spec());
  const auto create = [this, request, call, checked = *std::move(job)] { return Create(call->caller(), *request, checked); };
  return AfterExpressions(context, call, std::move(expressions), create, response);
}

grpc::ServerUnaryReactor* JobServiceImpl::AfterExpressions(grpc::CallbackServerContext* context, std::shared_ptr<Call> call,
                                                           std::vector<ExpressionField> expressions,
                                                           std::function<absl::StatusOr<v1::Job>()> create, v1::Job* response) {
  const auto end = [call](const absl::Status& status) {
    call->End(status);
    return status;
  };
  const auto make = [context, call, end, response, create = std::move(create)]() -> absl::Status {
    if (context->IsCancelled()) return end(absl::CancelledError("the call was over before its job was made"));
    absl::StatusOr<v1::Job> created = create();
    if (created.ok()) {
      call->Name(created->name());
      *response = std::move(*created);
    }
    return end(created.status());
  };
  if (expressions.empty()) return Reply(context, make());
  std::vector<scheduler::Query> queries;
  for (const ExpressionField& expression : expressions) {
    queries.push_back(expression.query);
    queries.back().owner = call->caller().owner;
  }
  return AskAll(scheduler_, std::move(queries),
                [make, end, expressions = std::move(expressions)](const std::vector<absl::StatusOr<Tensor>>& answers) {
                  const absl::Status judged = JudgeExpressions(expressions, answers);
                  return judged.ok() ? make() : end(judged);
                });
}

grpc::ServerUnaryReactor* JobServiceImpl::GetJob(grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
                                                 v1::Job* response) {
  const auto get = [&](const Caller& caller) -> absl::StatusOr<v1::Job> {
    const absl::StatusOr<std::string> id = JobId(request->name());
    if (!id.ok()) return id.status();
    return jobs_.Get(caller.scope(), *id);
  };
  return Serve(access_, context, {"JobService.GetJob", Permission::kRead, request->name()}, response, get);
}

grpc::ServerUnaryReactor* JobServiceImpl::ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
                                                   v1::ListJobsResponse* response) {
  const auto list = [&](const Caller& caller) -> absl::StatusOr<v1::ListJobsResponse> {
    absl::StatusOr<store::JobQuery> query = ToQuery(*request);
    if (!query.ok()) return query.status();
    absl::StatusOr<jobs::Jobs::Page> page = jobs_.List(caller.scope(), *std::move(query));
    if (!page.ok()) return page.status();
    v1::ListJobsResponse answer;
    for (v1::Job& job : page->jobs) *answer.add_jobs() = std::move(job);
    if (page->next_number.has_value()) answer.set_next_page_token(PageToken(*request, *page->next_number));
    return answer;
  };
  return Serve(access_, context, {"JobService.ListJobs"}, response, list);
}

grpc::ServerUnaryReactor* JobServiceImpl::CancelJob(grpc::CallbackServerContext* context, const v1::CancelJobRequest* request,
                                                    v1::Job* response) {
  const auto cancel = [&](const Caller& caller) -> absl::StatusOr<v1::Job> {
    const absl::StatusOr<std::string> id = JobId(request->name());
    if (!id.ok()) return id.status();
    return jobs_.Cancel(caller.scope(), *id, request->etag());
  };
  return Serve(access_, context, {"JobService.CancelJob", Permission::kWrite, request->name()}, response, cancel);
}

grpc::ServerUnaryReactor* JobServiceImpl::DeleteJob(grpc::CallbackServerContext* context, const v1::DeleteJobRequest* request,
                                                    v1::Job* response) {
  const auto remove = [&](const Caller& caller) -> absl::StatusOr<v1::Job> {
    const absl::StatusOr<std::string> id = JobId(request->name());
    if (!id.ok()) return id.status();
    return request->purge() ? jobs_.Purge(caller.scope(), *id, request->etag()) : jobs_.Delete(caller.scope(), *id, request->etag());
  };
  return Serve(access_, context, {"JobService.DeleteJob", Permission::kWrite, request->name()}, response, remove);
}

grpc::ServerUnaryReactor* JobServiceImpl::UndeleteJob(grpc::CallbackServerContext* context, const v1::UndeleteJobRequest* request,
                                                      v1::Job* response) {
  const auto undelete = [&](const Caller& caller) -> absl::StatusOr<v1::Job> {
    const absl::StatusOr<std::string> id = JobId(request->name());
    return id.ok() ? jobs_.Undelete(caller.scope(), *id, request->etag()) : id.status();
  };
  return Serve(access_, context, {"JobService.UndeleteJob", Permission::kWrite, request->name()}, response, undelete);
}

grpc::ServerUnaryReactor* JobServiceImpl::PauseJob(grpc::CallbackServerContext* context, const v1::PauseJobRequest* request,
                                                   v1::Job* response) {
  const auto pause = [&](const Caller& caller) -> absl::StatusOr<v1::Job> {
    const absl::StatusOr<std::string> id = JobId(request->name());
    if (!id.ok()) return id.status();
    return jobs_.Pause(caller.scope(), *id, request->etag());
  };
  return Serve(access_, context, {"JobService.PauseJob", Permission::kWrite, request->name()}, response, pause);
}

grpc::ServerUnaryReactor* JobServiceImpl::ResumeJob(grpc::CallbackServerContext* context, const v1::ResumeJobRequest* request,
                                                    v1::Job* response) {
  const auto resume = [&](const Caller& caller) -> absl::StatusOr<v1::Job> {
    const absl::StatusOr<std::string> id = JobId(request->name());
    if (!id.ok()) return id.status();
    return jobs_.Resume(caller.scope(), *id, request->etag());
  };
  return Serve(access_, context, {"JobService.ResumeJob", Permission::kWrite, request->name()}, response, resume);
}

absl::StatusOr<v1::Job> JobServiceImpl::CheckCreate(const Caller& caller, const v1::CreateJobRequest& request) {
  // Before anything is checked: what was right when the job was made may be wrong by now, and is answered with that job all the same.
  if (!request.validate_only() && !request.request_id().empty()) {
    absl::StatusOr<std::optional<v1::Job>> made = jobs_.FindRequested(caller.owner, request.request_id(), jobs::RequestHash(request.job()));
    if (!made.ok()) return made.status();
    if (made->has_value()) return **std::move(made);
  }
  absl::StatusOr<v1::Job> job = CheckCreateJob(request, caller.owner, datasets_, limits_, scheduler_.devices());
  if (!job.ok()) return job.status();
  if (absl::Status status = access_.CheckPriority(caller, job->priority()); !status.ok()) return status;
  return job;
}

absl::StatusOr<v1::Job> JobServiceImpl::CheckFork(const Caller& caller, const v1::ForkJobRequest& request) {
  const absl::StatusOr<std::string> id = JobId(request.name());
  if (!id.ok()) return id.status();
  if (!request.validate_only()) {
    absl::StatusOr<std::optional<v1::Job>> made = jobs_.FindRequested(caller.owner, request.request_id(), jobs::RequestHash(request));
    if (!made.ok()) return made.status();
    if (made->has_value()) return **std::move(made);
  }
  const auto step = request.has_step() ? std::optional<int>(request.step()) : std::nullopt;
  const absl::StatusOr<jobs::ForkPoint> point = jobs_.FindForkPoint(caller.scope(), *id, step);
  if (!point.ok()) return point.status();
  absl::StatusOr<v1::Job> job = CheckForkJob(request, *point, datasets_, limits_, scheduler_.devices());
  if (!job.ok()) return job.status();
  if (absl::Status status = access_.CheckPriority(caller, job->priority()); !status.ok()) return status;
  return job;
}

grpc::ServerUnaryReactor* JobServiceImpl::ForkJob(grpc::CallbackServerContext* context, const v1::ForkJobRequest* request,
                                                  v1::Job* response) {
  absl::StatusOr<Call> entered = access_.Enter(*context, {"JobService.ForkJob", Permission::kWrite, request->name()});
  if (!entered.ok()) return Reply(context, entered.status());
  const auto call = std::make_shared<Call>(*std::move(entered));
  absl::StatusOr<v1::Job> job = CheckFork(call->caller(), *request);
  if (!job.ok() || !job->name().empty()) {
    if (job.ok()) *response = *job;
    call->End(job.status());
    return Reply(context, job.status());
  }
  // Those of the parent were taken when it was made.
  v1::FlowSpec replaced;
  replaced.set_dimension(job->spec().dimension());
  if (request->overrides().has_functional()) *replaced.mutable_functional() = job->spec().functional();
  const auto create = [this, request, call, checked = *std::move(job)]() -> absl::StatusOr<v1::Job> {
    if (request->validate_only()) return checked;
    return jobs_.Fork(checked, call->caller().owner, request->request_id(), jobs::RequestHash(*request),
                      static_cast<int>(limits_.max_active_jobs));
  };
  return AfterExpressions(context, call, ExpressionsOf("overrides", replaced), create, response);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* JobServiceImpl::WatchJob(grpc::CallbackServerContext* context,
                                                                     const grpc::ByteBuffer* request) {
  return watches_.Open(*context, *request);
}

grpc::ServerWriteReactor<v1::TensorChunk>* JobServiceImpl::SampleJob(grpc::CallbackServerContext* context,
                                                                     const v1::SampleJobRequest* request) {
  return OpenSampleStream(access_.Enter(*context, {"JobService.SampleJob", Permission::kRead, request->name()}), jobs_, scheduler_, limits_,
                          *request);
}

grpc::ServerBidiReactor<v1::EvaluateDensityRequest, v1::TensorChunk>* JobServiceImpl::EvaluateDensity(
    grpc::CallbackServerContext* context) {
  return OpenDensityStream(access_.Enter(*context, {"JobService.EvaluateDensity"}), jobs_, scheduler_, limits_);
}

grpc::ServerUnaryReactor* JobServiceImpl::ComputeDistance(grpc::CallbackServerContext* context, const v1::ComputeDistanceRequest* request,
                                                          v1::ComputeDistanceResponse* response) {
  const absl::StatusOr<Call> call = access_.Enter(*context, {"JobService.ComputeDistance"});
  if (!call.ok()) return Reply(context, call.status());
  const Caller& caller = call->caller();
  const auto find_step = [&](const std::string& id, std::optional<int> step) { return jobs_.FindKeptStep(caller.scope(), id, step); };
  absl::StatusOr<v1::ComputeDistanceRequest> complete = CheckComputeDistance(*request, caller.owner, find_step, datasets_, limits_);
  return complete.ok() ? OpenDistanceCall(scheduler_, caller.owner, *std::move(complete), response) : Reply(context, complete.status());
}

grpc::ServerWriteReactor<v1::ExportModelResponse>* JobServiceImpl::ExportModel(grpc::CallbackServerContext* context,
                                                                               const v1::ExportModelRequest* request) {
  return OpenExportStream(access_.Enter(*context, {"JobService.ExportModel", Permission::kRead, request->name()}), jobs_, scheduler_,
                          *request);
}

grpc::ServerUnaryReactor* JobServiceImpl::ShareJob(grpc::CallbackServerContext* context, const v1::ShareJobRequest* request,
                                                   v1::ShareJobResponse* response) {
  const auto share = [&](const Caller& caller) -> absl::StatusOr<v1::ShareJobResponse> {
    const absl::StatusOr<std::string> id = JobId(request->name());
    if (!id.ok()) return id.status();
    const absl::StatusOr<v1::Job> job = jobs_.Get(caller.scope(), *id);
    if (!job.ok()) return job.status();
    return access_.Share(job->owner(), *id, *request);
  };
  return Serve(access_, context, {"JobService.ShareJob", Permission::kWrite, request->name()}, response, share);
}

grpc::ServerUnaryReactor* JobServiceImpl::UnshareJob(grpc::CallbackServerContext* context, const v1::UnshareJobRequest* request,
                                                     v1::UnshareJobResponse* response) {
  const auto unshare = [&](const Caller& caller) -> absl::StatusOr<v1::UnshareJobResponse> {
    const absl::StatusOr<std::string> id = JobId(request->name());
    if (!id.ok()) return id.status();
    const absl::StatusOr<v1::Job> job = jobs_.Get(caller.scope(), *id);
    if (!job.ok()) return job.status();
    return access_.Unshare(*id);
  };
  return Serve(access_, context, {"JobService.UnshareJob", Permission::kWrite, request->name()}, response, unshare);
}

}  // namespace sliceflow::api
