// How handlers answer: one way through the door, one conversion of the status at the edge.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/errors.h"
#include "common/failpoint.h"
#include "common/grpc_status.h"
#include "server/api/access.h"

namespace sliceflow::api {

inline grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context, const absl::Status& status) {
  PassFailpoint(Failpoint::kBeforeAnswer);
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// Answers with what `work(caller)` does, a StatusOr<Message>, where the door lets the call in.
template <typename Message, typename Work>
grpc::ServerUnaryReactor* Serve(Access& access, grpc::CallbackServerContext* context, Purpose purpose, Message* response, Work work) {
  absl::StatusOr<Call> call = access.Enter(*context, std::move(purpose));
  if (!call.ok()) return Reply(context, call.status());
  absl::StatusOr<Message> result = work(call->caller());
  call->End(result.status());
  if (result.ok()) *response = std::move(*result);
  return Reply(context, result.status());
}

}  // namespace sliceflow::api
