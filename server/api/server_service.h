// sliceflow.v1.ServerService.
#pragma once

#include "server/api/limits.h"
#include "server/scheduler/scheduler.h"
#include "sliceflow/v1/server_service.grpc.pb.h"

namespace sliceflow::api {

// All that is handed in must outlive the service.
class ServerServiceImpl final : public v1::ServerService::CallbackService {
 public:
  ServerServiceImpl(scheduler::Scheduler& scheduler, const Limits& limits) : scheduler_(scheduler), limits_(limits) {}

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context, const v1::GetServerInfoRequest* request,
                                          v1::ServerInfo* response) override;
  grpc::ServerUnaryReactor* CheckExpression(grpc::CallbackServerContext* context, const v1::CheckExpressionRequest* request,
                                            v1::CheckExpressionResponse* response) override;

 private:
  scheduler::Scheduler& scheduler_;
  const Limits& limits_;
};

}  // namespace sliceflow::api
