// How handlers answer: one conversion of the status at the edge.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/errors.h"
#include "common/grpc_status.h"

namespace sliceflow::api {

inline grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

template <typename Message>
grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context, absl::StatusOr<Message> result, Message* response) {
  if (result.ok()) *response = std::move(*result);
  return Reply(context, result.status());
}

// A method of the contract that this server does not serve.
inline absl::Status NotServed(absl::string_view method) {
  return WithReason(absl::UnimplementedError(absl::StrCat("this server does not serve ", method, "; GetServerInfo lists what it serves")),
                    "NOT_SERVED", {{"method", std::string(method)}});
}

}  // namespace sliceflow::api
