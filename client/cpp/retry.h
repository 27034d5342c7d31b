// When a call is made again.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sliceflow::client {

struct RetryPolicy {
  // Attempts of a call that is answered with UNAVAILABLE. Attempts that found no connection, and so did nothing, are not counted.
  int max_attempts = 4;
  // How long connecting is tried where nothing listens or no such name is known: as long as a server takes to restart.
  absl::Duration refused_patience = absl::Seconds(5);
  // Pauses double from the first to the longest, each shortened at random by up to a half. A RetryInfo of the server lengthens one.
  absl::Duration first_pause = absl::Milliseconds(100);
  absl::Duration longest_pause = absl::Seconds(2);
};

// Doubling pauses. Not thread-safe.
class BackOff {
 public:
  explicit BackOff(const RetryPolicy& policy) : policy_(policy), next_(policy.first_pause) {}
  // The pause before the next attempt, at least what `status` asks for in a RetryInfo.
  absl::Duration Next(const absl::Status& status);
  void Reset() { next_ = policy_.first_pause; }

 private:
  RetryPolicy policy_;
  absl::Duration next_;
};

// Runs `attempt(deadline)` until it answers something else than UNAVAILABLE, attempts are used up, or another pause would pass the
// deadline, which is `timeout` away and of Uptime (SetDeadline takes it). A server that says when to come again (RESOURCE_EXHAUSTED or
// ABORTED with a RetryInfo) is asked again up to the deadline where more than one attempt is allowed at all. Connecting is tried again up
// to the deadline, for `refused_patience` where it is refused, and not at all where it fails at TLS. Where the last attempt is not answered
// by the deadline but one before was, the answer is what the server said then.
absl::Status WithRetries(const RetryPolicy& policy, absl::Duration timeout,
                         absl::FunctionRef<absl::Status(absl::Duration deadline)> attempt);

// Whether no connection came about, so that the server has not seen the call; and whether that is because nothing listens there or no such
// name is known, rather than because it takes long.
bool IsNotConnected(const absl::Status& status);
bool IsRefused(const absl::Status& status);

// Whether no connection came about because the two do not agree about TLS: the server's certificate is not trusted, or it speaks no TLS.
// Trying again does not help.
bool IsHandshakeFailure(const absl::Status& status);

// Whether the status says that no server answered, rather than that a server refused.
bool IsUnreachable(const absl::Status& status);

}  // namespace sliceflow::client
