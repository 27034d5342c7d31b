// The one conversion between absl::Status and grpc::Status, details included. Used at each edge once.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace sliceflow {

grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace sliceflow
