#include "server/api/server_service.h"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "common/version.h"
#include "server/api/expression_calls.h"
#include "server/api/gate/gate.h"
#include "server/api/kinds.h"
#include "server/api/reply.h"

namespace sliceflow::api {
namespace {

void AddMethods(v1::ServerInfo& info, const std::string& service, std::initializer_list<const char*> methods) {
  for (const char* method : methods) info.add_methods(absl::StrCat("sliceflow.v1.", service, ".", method));
}

v1::Limits ToMessage(const Limits& limits) {
  v1::Limits message;
  message.set_max_dimension(static_cast<int>(limits.max_dimension));
  message.set_max_steps(static_cast<int>(limits.max_steps));
  message.set_max_particles(static_cast<int>(limits.max_particles));
  message.set_max_inner_iterations(static_cast<int>(limits.max_inner_iterations));
  message.set_max_projections(static_cast<int>(limits.max_projections));
  message.set_max_batch_size(static_cast<int>(limits.max_batch_size));
  message.set_max_samples(static_cast<int>(limits.max_samples));
  message.set_max_upload_bytes(limits.max_upload_bytes);
  message.set_max_dataset_values(limits.max_dataset_values);
  message.set_max_active_jobs(static_cast<int>(limits.max_active_jobs));
  message.set_max_spec_bytes(limits.max_spec_bytes);
  message.set_max_expression_bytes(limits.max_expression_bytes);
  return message;
}

}  // namespace

void ServerServiceImpl::Describe(v1::ServerInfo& info) const {
  info.set_version(std::string(Version()));
  *info.mutable_limits() = ToMessage(limits_);
  for (const scheduler::DeviceState& state : scheduler_.devices()) {
    v1::Device& device = *info.add_devices();
    device.set_name(state.name);
    device.set_threads(state.threads);
    device.set_ready(state.ready);
    device.set_running_jobs(state.running_jobs);
    device.set_healthy(state.problem.empty());
    device.set_problem(state.problem);
    device.set_memory_bytes(state.memory_bytes);
    device.set_reserved_memory_bytes(state.reserved_memory_bytes);
    device.set_model(state.model);
    device.set_gpu_memory_bytes(state.gpu_memory_bytes);
  }
  AddKinds(info);
  AddMethods(info, "JobService",
             {"CreateJob", "GetJob", "ListJobs", "CancelJob", "DeleteJob", "UndeleteJob", "PauseJob", "ResumeJob", "ForkJob", "WatchJob",
              "SampleJob", "EvaluateDensity", "ComputeDistance", "ExportModel", "ShareJob", "UnshareJob"});
  AddMethods(info, "DatasetService", {"UploadDataset", "GetUpload", "GetDataset", "ListDatasets", "DeleteDataset"});
  AddMethods(info, "ServerService", {"GetServerInfo", "CheckExpression"});
}

grpc::ServerUnaryReactor* ServerServiceImpl::GetServerInfo(grpc::CallbackServerContext* context,
                                                           const v1::GetServerInfoRequest* /*request*/, v1::ServerInfo* response) {
  const auto get = [&](const Caller& caller) -> absl::StatusOr<v1::ServerInfo> {
    absl::StatusOr<v1::Caller> described = access_.Describe(caller);
    if (!described.ok()) return described.status();
    v1::ServerInfo info;
    Describe(info);
    *info.mutable_caller() = *std::move(described);
    return info;
  };
  return Serve(access_, context, {"ServerService.GetServerInfo"}, response, get);
}

grpc::ServerUnaryReactor* ServerServiceImpl::CheckExpression(grpc::CallbackServerContext* context,
                                                             const v1::CheckExpressionRequest* request,
                                                             v1::CheckExpressionResponse* response) {
  const absl::StatusOr<Call> call = access_.Enter(*context, {"ServerService.CheckExpression"});
  if (!call.ok()) return Reply(context, call.status());
  v1::CheckExpressionRequest complete = *request;
  absl::StatusOr<Tensor> points = CheckCheckExpression(complete, limits_);
  if (!points.ok()) return Reply(context, points.status());
  scheduler::Query query{.points = *points, .owner = call->caller().owner, .timeout = kExpressionTimeout};
  query.expression = {
      .kind = complete.kind(), .source = complete.source(), .dimension = complete.dimension(), .parameters = complete.parameters()};
  return AskAll(scheduler_, {std::move(query)},
                [kind = complete.kind(), points = *std::move(points), response](const std::vector<absl::StatusOr<Tensor>>& answers) {
                  absl::StatusOr<v1::CheckExpressionResponse> answer = ToResponse(kind, points, answers[0]);
                  if (answer.ok()) *response = std::move(*answer);
                  return answer.status();
                });
}

}  // namespace sliceflow::api
