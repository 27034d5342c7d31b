// Sending a table to the server.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/retry.h"
#include "sliceflow/v1/dataset_service.grpc.pb.h"

namespace sliceflow::client {

struct UploadOptions {
  // The file to send. It must not change meanwhile.
  std::string path;
  // As in UploadHeader; empty leaves the server's default.
  std::string dataset_id;
  std::string display_name;
  v1::DatasetFormat format;
  // Called with the bytes sent so far and the bytes in all. May be empty.
  std::function<void(int64_t, int64_t)> on_progress;
};

// Reads the file twice: for its SHA-256, then in pieces of 512 KiB. Begins where the server says an earlier upload of the same bytes broke
// off, and takes a connection that is lost up again. A server that is busy with other uploads is asked again until the timeout. Errors:
// NotFound, PermissionDenied or InvalidArgument (no plain file, empty) for the file; the server's for the rest.
absl::StatusOr<v1::Dataset> UploadFile(v1::DatasetService::Stub& stub, const UploadOptions& options, const RetryPolicy& retry,
                                       absl::Duration timeout);

}  // namespace sliceflow::client
