#include "common/grpc_status.h"

#include <string>

#include "common/errors.h"

namespace sliceflow {

// absl's and gRPC's codes are the same numbers.
grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      ToRpcStatus(status).SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status message;
  const bool detailed = !status.error_details().empty() && message.ParseFromString(status.error_details()) &&
                        message.code() == static_cast<int>(status.error_code());
  if (detailed) return FromRpcStatus(message);
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace sliceflow
