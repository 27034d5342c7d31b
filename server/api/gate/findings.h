// What is wrong with a request, all at once, and which code it is answered with.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/errors.h"

namespace sliceflow::api {

// Not thread-safe. Fields are paths in proto field names.
class Findings {
 public:
  void Invalid(std::string field, std::string description);
  // `resource`: the name that nothing answers to, of a job or a data set.
  void NotFound(std::string field, const std::string& resource);
  void BeyondLimit(std::string field, double value, int64_t limit);
  void BeyondLimit(std::string field, std::string description);
  // A data set, or a job, that exists and does not fit its use.
  void Precondition(std::string field, const std::string& subject, const std::string& description);
  // Another precondition, with the reason that ErrorInfo gives. Where several fail, the reason is that of the first.
  void FailedPrecondition(std::string field, std::string description, std::string reason);
  // The store could not be asked: the request is answered with this.
  void Failed(absl::Status status);

  bool empty() const { return violations_.empty() && failure_.ok(); }

  // OK when empty. INVALID_ARGUMENT where anything is invalid in itself or findings are of several kinds, else NOT_FOUND,
  // RESOURCE_EXHAUSTED or FAILED_PRECONDITION; always with every field violation.
  absl::Status ToStatus() const;

 private:
  FieldViolations violations_;
  absl::Status failure_;
  int invalid_ = 0;
  int not_found_ = 0;
  int beyond_limit_ = 0;
  int precondition_ = 0;
  std::string first_resource_;
  std::string first_reason_;
};

}  // namespace sliceflow::api
