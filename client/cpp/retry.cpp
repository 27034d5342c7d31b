#include "client/cpp/retry.h"

#include <algorithm>

#include "absl/random/random.h"
#include "absl/time/clock.h"
#include "common/errors.h"
#include "google/rpc/error_details.pb.h"

namespace sliceflow::client {
namespace {

absl::Duration RequestedPause(const absl::Status& status) {
  const google::rpc::Status message = ToRpcStatus(status);
  for (const auto& detail : message.details()) {
    google::rpc::RetryInfo info;
    if (detail.UnpackTo(&info)) return absl::Seconds(info.retry_delay().seconds()) + absl::Nanoseconds(info.retry_delay().nanos());
  }
  return absl::ZeroDuration();
}

}  // namespace

absl::Duration BackOff::Next(const absl::Status& status) {
  thread_local absl::BitGen random;
  const absl::Duration pause = next_ * absl::Uniform(random, 0.5, 1.0);
  next_ = std::min(next_ * 2, policy_.longest_pause);
  return std::max(pause, RequestedPause(status));
}

absl::Status WithRetries(const RetryPolicy& policy, absl::Time deadline, absl::FunctionRef<absl::Status(absl::Time)> attempt) {
  BackOff back_off(policy);
  for (int used = 1;; ++used) {
    absl::Status status = attempt(deadline);
    if (!absl::IsUnavailable(status) || used >= policy.max_attempts) return status;
    const absl::Duration pause = back_off.Next(status);
    if (absl::Now() + pause >= deadline) return status;
    absl::SleepFor(pause);
  }
}

bool IsUnreachable(const absl::Status& status) {
  const bool code = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return code && Reason(status).empty();
}

}  // namespace sliceflow::client
