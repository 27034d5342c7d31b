#include "common/errors.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace sliceflow {
namespace {

// A message that names more violations than this is no longer read.
constexpr size_t kViolationsInMessage = 5;

template <typename Message>
std::string TypeUrl() {
  return absl::StrCat("type.googleapis.com/", Message::descriptor()->full_name());
}

template <typename Message>
void Attach(absl::Status& status, const Message& message) {
  status.SetPayload(TypeUrl<Message>(), absl::Cord(message.SerializeAsString()));
}

template <typename Message>
Message Detail(const absl::Status& status) {
  Message message;
  const auto payload = status.GetPayload(TypeUrl<Message>());
  if (payload.has_value()) message.ParseFromString(std::string(*payload));
  return message;
}

}  // namespace

absl::Status WithReason(absl::Status status, absl::string_view reason, const std::map<std::string, std::string>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  Attach(status, info);
  return status;
}

absl::Status WithRetry(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo info;
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(delay);
  info.mutable_retry_delay()->set_seconds(nanoseconds / 1'000'000'000);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(nanoseconds % 1'000'000'000));
  Attach(status, info);
  return status;
}

std::string Reason(const absl::Status& status) { return Detail<google::rpc::ErrorInfo>(status).reason(); }

absl::Status ResourceNotFound(absl::string_view type, absl::string_view name) {
  absl::Status status = absl::NotFoundError(absl::StrCat("there is no ", name));
  google::rpc::ResourceInfo info;
  info.set_resource_type(std::string(type));
  info.set_resource_name(std::string(name));
  info.set_description(std::string(status.message()));
  Attach(status, info);
  return WithReason(std::move(status), "RESOURCE_NOT_FOUND", {{"resource", std::string(name)}});
}

absl::Status PreconditionError(absl::string_view type, absl::string_view subject, absl::string_view description) {
  absl::Status status = absl::FailedPreconditionError(absl::StrCat(subject, ": ", description));
  google::rpc::PreconditionFailure failure;
  auto* violation = failure.add_violations();
  violation->set_type(std::string(type));
  violation->set_subject(std::string(subject));
  violation->set_description(std::string(description));
  Attach(status, failure);
  return WithReason(std::move(status), type, {{"subject", std::string(subject)}});
}

void FieldViolations::Add(std::string field, std::string description) {
  violations_.push_back({std::move(field), std::move(description)});
}

absl::Status FieldViolations::ToStatus(absl::StatusCode code) const {
  if (violations_.empty()) return absl::OkStatus();
  std::string message;
  google::rpc::BadRequest bad_request;
  for (size_t i = 0; i < violations_.size(); ++i) {
    auto* violation = bad_request.add_field_violations();
    violation->set_field(violations_[i].field);
    violation->set_description(violations_[i].description);
    if (i < kViolationsInMessage) absl::StrAppend(&message, i ? "; " : "", violations_[i].field, ": ", violations_[i].description);
  }
  if (violations_.size() > kViolationsInMessage) {
    absl::StrAppend(&message, "; and ", violations_.size() - kViolationsInMessage, " more");
  }
  absl::Status status(code, message);
  Attach(status, bad_request);
  return WithReason(std::move(status), "INVALID_FIELD");
}

std::vector<FieldViolation> ViolationsOf(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const auto bad_request = Detail<google::rpc::BadRequest>(status);
  for (const auto& violation : bad_request.field_violations()) {
    violations.push_back({violation.field(), violation.description()});
  }
  return violations;
}

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status message;
  message.set_code(static_cast<int>(status.code()));
  message.set_message(std::string(status.message()));
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    auto* detail = message.add_details();
    detail->set_type_url(std::string(type_url));
    detail->set_value(std::string(payload));
  });
  return message;
}

absl::Status FromRpcStatus(const google::rpc::Status& message) {
  absl::Status status(static_cast<absl::StatusCode>(message.code()), message.message());
  for (const auto& detail : message.details()) status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  return status;
}

}  // namespace sliceflow
