#include "common/errors.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "google/rpc/error_details.pb.h"

namespace sliceflow {
namespace {

constexpr absl::string_view kTypeUrlPrefix = "type.googleapis.com/";

// A status travels in the trailer of a call, for which many clients take 8 KiB in all, once as text and once (base64) in its details.
constexpr size_t kMaxViolationBytes = 2500;
constexpr size_t kMaxDescriptionBytes = 400;
constexpr size_t kViolationsInMessage = 3;

template <typename Detail>
std::string TypeUrl() {
  return absl::StrCat(kTypeUrlPrefix, Detail::descriptor()->full_name());
}

template <typename Detail>
void Attach(const Detail& detail, absl::Status& status) {
  status.SetPayload(TypeUrl<Detail>(), absl::Cord(detail.SerializeAsString()));
}

template <typename Detail>
std::optional<Detail> Find(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(TypeUrl<Detail>());
  Detail detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

}  // namespace

absl::Status WithReason(absl::Status status, absl::string_view reason, const std::map<std::string, std::string>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  Attach(info, status);
  return status;
}

absl::Status WithRetry(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo retry;
  const timespec time = absl::ToTimespec(delay);
  retry.mutable_retry_delay()->set_seconds(time.tv_sec);
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(time.tv_nsec));
  Attach(retry, status);
  return status;
}

std::string Reason(const absl::Status& status) {
  const auto info = Find<google::rpc::ErrorInfo>(status);
  return info.has_value() ? info->reason() : "";
}

std::string ReasonDetail(const absl::Status& status, const std::string& key) {
  const auto info = Find<google::rpc::ErrorInfo>(status);
  if (!info.has_value()) return "";
  const auto found = info->metadata().find(key);
  return found == info->metadata().end() ? "" : found->second;
}

absl::Status ResourceNotFound(absl::string_view type, absl::string_view name) {
  google::rpc::ResourceInfo resource;
  resource.set_resource_type(std::string(type));
  resource.set_resource_name(std::string(name));
  resource.set_description("does not exist");
  absl::Status status = absl::NotFoundError(absl::StrCat(name, " does not exist"));
  Attach(resource, status);
  return WithReason(std::move(status), "RESOURCE_NOT_FOUND", {{"resource", std::string(name)}});
}

absl::Status PreconditionError(absl::string_view type, absl::string_view subject, absl::string_view description) {
  google::rpc::PreconditionFailure failure;
  auto& violation = *failure.add_violations();
  violation.set_type(std::string(type));
  violation.set_subject(std::string(subject));
  violation.set_description(std::string(description));
  absl::Status status = absl::FailedPreconditionError(absl::StrCat(subject, ": ", description));
  Attach(failure, status);
  return WithReason(std::move(status), type, {{"subject", std::string(subject)}});
}

void FieldViolations::Add(std::string field, std::string description) {
  violations_.push_back({std::move(field), Shortened(description, kMaxDescriptionBytes)});
}

absl::Status FieldViolations::ToStatus(absl::StatusCode code) const {
  if (violations_.empty()) return absl::OkStatus();
  google::rpc::BadRequest bad_request;
  size_t bytes = 0;
  for (const FieldViolation& violation : violations_) {
    bytes += violation.field.size() + violation.description.size();
    if (bytes > kMaxViolationBytes) break;
    auto& field = *bad_request.add_field_violations();
    field.set_field(violation.field);
    field.set_description(violation.description);
  }
  const size_t left_out = violations_.size() - bad_request.field_violations_size();
  if (left_out > 0) {
    auto& field = *bad_request.add_field_violations();
    field.set_field("...");
    field.set_description(absl::StrCat("and ", left_out, " more"));
  }
  std::string message;
  const size_t named = std::min(violations_.size(), kViolationsInMessage);
  for (size_t i = 0; i < named; ++i) {
    absl::StrAppend(&message, i == 0 ? "" : "; ", violations_[i].field, ": ", Shortened(violations_[i].description, 200));
  }
  if (violations_.size() > named) absl::StrAppend(&message, "; and ", violations_.size() - named, " more");
  absl::Status status(code, message);
  Attach(bad_request, status);
  return WithReason(std::move(status), "INVALID_FIELD");
}

std::vector<FieldViolation> ViolationsOf(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const auto bad_request = Find<google::rpc::BadRequest>(status);
  if (!bad_request.has_value()) return violations;
  for (const auto& violation : bad_request->field_violations()) violations.push_back({violation.field(), violation.description()});
  return violations;
}

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status result;
  result.set_code(static_cast<int>(status.code()));
  result.set_message(std::string(status.message()));
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    google::protobuf::Any& detail = *result.add_details();
    detail.set_type_url(std::string(type_url));
    detail.set_value(std::string(payload));
  });
  // The order of payloads is that of a hash table; readers and tests want the same bytes each time.
  std::sort(result.mutable_details()->pointer_begin(), result.mutable_details()->pointer_end(),
            [](const auto* a, const auto* b) { return a->type_url() < b->type_url(); });
  return result;
}

absl::Status FromRpcStatus(const google::rpc::Status& status) {
  if (status.code() == 0) return absl::OkStatus();
  const bool known = status.code() > 0 && status.code() <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  absl::Status result(known ? static_cast<absl::StatusCode>(status.code()) : absl::StatusCode::kUnknown, status.message());
  for (const google::protobuf::Any& detail : status.details()) result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  return result;
}

}  // namespace sliceflow
