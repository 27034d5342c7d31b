// The one conversion between absl::Status and grpc::Status, details included. Used at each edge once.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace sliceflow {

// An error without a reason gets the name of its code as one: every error that leaves has an ErrorInfo.
grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace sliceflow
