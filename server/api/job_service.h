// sliceflow.v1.JobService.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "server/api/access.h"
#include "server/api/expression_calls.h"
#include "server/api/limits.h"
#include "server/api/watch_streams.h"
#include "server/jobs/datasets.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/scheduler.h"
#include "sliceflow/v1/job_service.grpc.pb.h"

namespace sliceflow::api {

// Handlers go through the door, check, delegate, and convert the status once. All that is handed in must outlive the service. Watches are
// written as bytes, so that many streams can share them.
class JobServiceImpl final : public v1::JobService::WithRawCallbackMethod_WatchJob<v1::JobService::CallbackService> {
 public:
  JobServiceImpl(Access& access, jobs::Jobs& jobs, jobs::Datasets& datasets, scheduler::Scheduler& scheduler, WatchStreams& watches,
                 const Limits& limits);

  grpc::ServerUnaryReactor* CreateJob(grpc::CallbackServerContext* context, const v1::CreateJobRequest* request,
                                      v1::Job* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context, const v1::GetJobRequest* request, v1::Job* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context, const v1::CancelJobRequest* request,
                                      v1::Job* response) override;
  grpc::ServerUnaryReactor* DeleteJob(grpc::CallbackServerContext* context, const v1::DeleteJobRequest* request,
                                      v1::Job* response) override;
  grpc::ServerUnaryReactor* UndeleteJob(grpc::CallbackServerContext* context, const v1::UndeleteJobRequest* request,
                                        v1::Job* response) override;
  grpc::ServerUnaryReactor* PauseJob(grpc::CallbackServerContext* context, const v1::PauseJobRequest* request, v1::Job* response) override;
  grpc::ServerUnaryReactor* ResumeJob(grpc::CallbackServerContext* context, const v1::ResumeJobRequest* request,
                                      v1::Job* response) override;
  grpc::ServerUnaryReactor* ForkJob(grpc::CallbackServerContext* context, const v1::ForkJobRequest* request, v1::Job* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchJob(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) override;
  grpc::ServerWriteReactor<v1::TensorChunk>* SampleJob(grpc::CallbackServerContext* context, const v1::SampleJobRequest* request) override;
  grpc::ServerBidiReactor<v1::EvaluateDensityRequest, v1::TensorChunk>* EvaluateDensity(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ComputeDistance(grpc::CallbackServerContext* context, const v1::ComputeDistanceRequest* request,
                                            v1::ComputeDistanceResponse* response) override;
  grpc::ServerWriteReactor<v1::ExportModelResponse>* ExportModel(grpc::CallbackServerContext* context,
                                                                 const v1::ExportModelRequest* request) override;
  grpc::ServerUnaryReactor* ShareJob(grpc::CallbackServerContext* context, const v1::ShareJobRequest* request,
                                     v1::ShareJobResponse* response) override;
  grpc::ServerUnaryReactor* UnshareJob(grpc::CallbackServerContext* context, const v1::UnshareJobRequest* request,
                                       v1::UnshareJobResponse* response) override;

 private:
  // Makes the job that passed the gate.
  absl::StatusOr<v1::Job> Create(const Caller& caller, const v1::CreateJobRequest& request, const v1::Job& job);
  // The job that is to be made, or the one that the same request made before, which has a name.
  absl::StatusOr<v1::Job> CheckCreate(const Caller& caller, const v1::CreateJobRequest& request);
  // The job that a fork is to be, or the one that the same request made before, which has a name.
  absl::StatusOr<v1::Job> CheckFork(const Caller& caller, const v1::ForkJobRequest& request);
  // Answers with what `create` does, once a worker has taken the expressions.
  grpc::ServerUnaryReactor* AfterExpressions(grpc::CallbackServerContext* context, std::shared_ptr<Call> call,
                                             std::vector<ExpressionField> expressions, std::function<absl::StatusOr<v1::Job>()> create,
                                             v1::Job* response);

  Access& access_;
  jobs::Jobs& jobs_;
  jobs::Datasets& datasets_;
  scheduler::Scheduler& scheduler_;
  WatchStreams& watches_;
  const Limits& limits_;
};

}  // namespace sliceflow::api
