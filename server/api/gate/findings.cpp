#include "server/api/gate/findings.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace sliceflow::api {
namespace {

constexpr char kDoesNotFit[] = "DATASET_DOES_NOT_FIT";
// Violations that are told again in the form of their kind; all are in BadRequest, and a status has little room.
constexpr size_t kRepeated = 3;

std::vector<FieldViolation> First(const FieldViolations& violations) {
  const std::vector<FieldViolation>& all = violations.all();
  return {all.begin(), all.begin() + std::min(all.size(), kRepeated)};
}

bool IsJob(const std::string& resource) { return absl::StartsWith(resource, "jobs/"); }

}  // namespace

void Findings::Invalid(std::string field, std::string description) {
  ++invalid_;
  violations_.Add(std::move(field), std::move(description));
}

void Findings::NotFound(std::string field, const std::string& resource) {
  ++not_found_;
  if (first_resource_.empty()) first_resource_ = resource;
  violations_.Add(std::move(field), absl::StrCat("there is no ", resource, IsJob(resource) ? "" : "; upload it first"));
}

void Findings::BeyondLimit(std::string field, double value, int64_t limit) {
  // Whole numbers in full: "1e+06" would not say how far beyond.
  const std::string words = value < 1e15 ? absl::StrCat(static_cast<int64_t>(value)) : absl::StrCat(value);
  BeyondLimit(std::move(field), absl::StrCat("must be at most ", limit, " on this server, is ", words));
}

void Findings::BeyondLimit(std::string field, std::string description) {
  ++beyond_limit_;
  violations_.Add(std::move(field), std::move(description));
}

void Findings::Precondition(std::string field, const std::string& subject, const std::string& description) {
  FailedPrecondition(std::move(field), absl::StrCat(subject, " ", description), kDoesNotFit);
}

void Findings::FailedPrecondition(std::string field, std::string description, std::string reason) {
  if (++precondition_ == 1) first_reason_ = std::move(reason);
  violations_.Add(std::move(field), std::move(description));
}

void Findings::Failed(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

absl::Status Findings::ToStatus() const {
  if (!failure_.ok()) return failure_;
  if (violations_.empty()) return absl::OkStatus();
  const int kinds = (not_found_ > 0) + (beyond_limit_ > 0) + (precondition_ > 0);
  if (invalid_ > 0 || kinds > 1) return violations_.ToStatus();
  if (not_found_ > 0) {
    absl::Status status = violations_.ToStatus(absl::StatusCode::kNotFound);
    google::rpc::ResourceInfo info;
    info.set_resource_type(IsJob(first_resource_) ? "sliceflow.dev/Job" : "sliceflow.dev/Dataset");
    info.set_resource_name(first_resource_);
    status.SetPayload("type.googleapis.com/google.rpc.ResourceInfo", absl::Cord(info.SerializeAsString()));
    return WithReason(std::move(status), "RESOURCE_NOT_FOUND", {{"resource", first_resource_}});
  }
  if (precondition_ > 0) {
    absl::Status status = violations_.ToStatus(absl::StatusCode::kFailedPrecondition);
    google::rpc::PreconditionFailure failure;
    for (const FieldViolation& violation : First(violations_)) {
      auto* precondition = failure.add_violations();
      precondition->set_type(first_reason_);
      precondition->set_subject(violation.field);
      precondition->set_description(violation.description);
    }
    status.SetPayload("type.googleapis.com/google.rpc.PreconditionFailure", absl::Cord(failure.SerializeAsString()));
    return WithReason(std::move(status), first_reason_);
  }
  absl::Status status = violations_.ToStatus(absl::StatusCode::kResourceExhausted);
  google::rpc::QuotaFailure failure;
  for (const FieldViolation& violation : First(violations_)) {
    auto* quota = failure.add_violations();
    quota->set_subject(violation.field);
    quota->set_description(violation.description);
  }
  status.SetPayload("type.googleapis.com/google.rpc.QuotaFailure", absl::Cord(failure.SerializeAsString()));
  return WithReason(std::move(status), "BEYOND_LIMIT");
}

}  // namespace sliceflow::api
