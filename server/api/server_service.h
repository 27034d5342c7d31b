// sliceflow.v1.ServerService.
#pragma once

#include "server/api/access.h"
#include "server/api/limits.h"
#include "server/scheduler/scheduler.h"
#include "sliceflow/v1/server_service.grpc.pb.h"

namespace sliceflow::api {

// All that is handed in must outlive the service.
class ServerServiceImpl final : public v1::ServerService::CallbackService {
 public:
  ServerServiceImpl(Access& access, scheduler::Scheduler& scheduler, const Limits& limits)
      : access_(access), scheduler_(scheduler), limits_(limits) {}

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context, const v1::GetServerInfoRequest* request,
                                          v1::ServerInfo* response) override;
  grpc::ServerUnaryReactor* CheckExpression(grpc::CallbackServerContext* context, const v1::CheckExpressionRequest* request,
                                            v1::CheckExpressionResponse* response) override;

 private:
  void Describe(v1::ServerInfo& info) const;

  Access& access_;
  scheduler::Scheduler& scheduler_;
  const Limits& limits_;
};

}  // namespace sliceflow::api
