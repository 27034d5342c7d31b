#include "common/grpc_status.h"

#include <string>

#include "common/errors.h"

namespace sliceflow {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const bool bare = Reason(status).empty();
  const google::rpc::Status rpc = ToRpcStatus(bare ? WithReason(status, absl::StatusCodeToString(status.code())) : status);
  return grpc::Status(static_cast<grpc::StatusCode>(rpc.code()), rpc.message(), rpc.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status rpc;
  // Details of another kind, or of another error than the status, are not ours to read.
  if (!rpc.ParseFromString(status.error_details()) || rpc.code() != static_cast<int>(status.error_code())) rpc.clear_details();
  rpc.set_code(static_cast<int>(status.error_code()));
  rpc.set_message(status.error_message());
  return FromRpcStatus(rpc);
}

}  // namespace sliceflow
