// Errors as absl::Status with the details of google.rpc: the one way they are made. Converted to the wire in common/grpc_status.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

namespace sliceflow {

inline constexpr absl::string_view kErrorDomain = "sliceflow.dev";

// Attaches google.rpc.ErrorInfo {reason, domain sliceflow.dev, metadata}. `reason` is UPPER_SNAKE_CASE. An OK status stays OK.
absl::Status WithReason(absl::Status status, absl::string_view reason, const std::map<std::string, std::string>& metadata = {});

// Attaches google.rpc.RetryInfo.
absl::Status WithRetry(absl::Status status, absl::Duration delay);

// The reason of the ErrorInfo, or empty.
std::string Reason(const absl::Status& status);

// What the ErrorInfo's metadata hold for `key`, or empty.
std::string ReasonDetail(const absl::Status& status, const std::string& key);

// Errors of the resource `name` (jobs/… or datasets/…): NOT_FOUND with ResourceInfo and reason RESOURCE_NOT_FOUND.
absl::Status ResourceNotFound(absl::string_view type, absl::string_view name);

// FAILED_PRECONDITION with PreconditionFailure {type, subject, description} and reason `type`.
absl::Status PreconditionError(absl::string_view type, absl::string_view subject, absl::string_view description);

// One thing wrong with a request. `field` is the path in proto field names, such as spec.functional.terms[1].potential.quadratic.precision.
struct FieldViolation {
  std::string field;
  std::string description;
};

// Collects what is wrong with a request, all at once. Not thread-safe.
class FieldViolations {
 public:
  void Add(std::string field, std::string description);
  bool empty() const { return violations_.empty(); }
  const std::vector<FieldViolation>& all() const { return violations_; }

  // OK when empty; otherwise `code` with BadRequest and reason INVALID_FIELD. The message lists the first violations.
  absl::Status ToStatus(absl::StatusCode code = absl::StatusCode::kInvalidArgument) const;

 private:
  std::vector<FieldViolation> violations_;
};

// The field violations a status carries; empty when it has none.
std::vector<FieldViolation> ViolationsOf(const absl::Status& status);

// The status as the message that jobs and events carry, and back. Payloads of google.rpc types become details.
google::rpc::Status ToRpcStatus(const absl::Status& status);
absl::Status FromRpcStatus(const google::rpc::Status& status);

}  // namespace sliceflow
