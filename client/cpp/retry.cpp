#include "client/cpp/retry.h"

#include <algorithm>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/errors.h"
#include "google/rpc/error_details.pb.h"

namespace sliceflow::client {
namespace {

// Of a RetryInfo; zero where there is none.
absl::Duration RequestedPause(const absl::Status& status) {
  const google::rpc::Status message = ToRpcStatus(status);
  for (const auto& detail : message.details()) {
    google::rpc::RetryInfo info;
    if (detail.UnpackTo(&info)) return absl::Seconds(info.retry_delay().seconds()) + absl::Nanoseconds(info.retry_delay().nanos());
  }
  return absl::ZeroDuration();
}

bool IsWorthRetrying(const RetryPolicy& policy, int used, absl::Duration elapsed, const absl::Status& status) {
  if (IsHandshakeFailure(status)) return false;
  if (IsNotConnected(status)) return !IsRefused(status) || elapsed < policy.refused_patience;
  const bool later = absl::IsResourceExhausted(status) || absl::IsAborted(status);
  if (policy.max_attempts > 1 && later) return RequestedPause(status) > absl::ZeroDuration();
  return absl::IsUnavailable(status) && used < policy.max_attempts;
}

// What the server said before an attempt that it did not answer in time.
absl::Status WithoutFurtherAnswer(const absl::Status& told) {
  absl::Status status(told.code(), absl::StrCat(told.message(), "; asked again, it did not answer in time"));
  told.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) { status.SetPayload(type, payload); });
  return status;
}

}  // namespace

absl::Duration BackOff::Next(const absl::Status& status) {
  thread_local absl::BitGen random;
  const absl::Duration pause = next_ * absl::Uniform(random, 0.5, 1.0);
  next_ = std::min(next_ * 2, policy_.longest_pause);
  return std::max(pause, RequestedPause(status));
}

absl::Status WithRetries(const RetryPolicy& policy, absl::Duration timeout,
                         absl::FunctionRef<absl::Status(absl::Duration deadline)> attempt) {
  BackOff back_off(policy);
  const absl::Duration begin = Uptime();
  const absl::Duration deadline = begin + timeout;
  int used = 0;
  absl::Status told;  // the last that the server answered
  for (;;) {
    absl::Status status = attempt(deadline);
    if (absl::IsDeadlineExceeded(status) && Reason(status).empty() && !told.ok()) return WithoutFurtherAnswer(told);
    if (!IsUnreachable(status)) told = status;
    if (!IsNotConnected(status)) ++used;
    if (!IsWorthRetrying(policy, used, Uptime() - begin, status)) return status;
    const absl::Duration pause = back_off.Next(status);
    if (Uptime() + pause >= deadline) return status;
    absl::SleepFor(pause);
  }
}

// gRPC tells these apart in words only.
bool IsNotConnected(const absl::Status& status) {
  if (!absl::IsUnavailable(status) || !Reason(status).empty()) return false;
  return absl::StrContains(status.message(), "failed to connect to all addresses") ||
         absl::StrContains(status.message(), "DNS resolution failed");
}

bool IsRefused(const absl::Status& status) {
  if (!IsNotConnected(status)) return false;
  return absl::StrContains(status.message(), "Connection refused") || absl::StrContains(status.message(), "DNS resolution failed");
}

bool IsHandshakeFailure(const absl::Status& status) {
  return IsNotConnected(status) && (absl::StrContains(status.message(), "SSL_ERROR_SSL") ||
                                    absl::StrContains(status.message(), "Hostname Verification Check failed") ||
                                    absl::StrContains(status.message(), "is not in peer certificate"));
}

bool IsUnreachable(const absl::Status& status) {
  const bool code = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return code && Reason(status).empty();
}

}  // namespace sliceflow::client
