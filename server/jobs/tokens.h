// Bearer tokens: made for an owner, told once, kept as hashes, verified.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "server/store/token_store.h"
#include "sliceflow/v1/server_service.pb.h"

namespace sliceflow::jobs {

// Whether a token can stand for the owner: [a-z0-9][a-z0-9._@-]{0,62}.
bool IsOwnerName(absl::string_view owner);

// Who a token stands for.
struct Identity {
  std::string token_id;
  std::string owner;
  v1::Role role = v1::ROLE_UNSPECIFIED;
  std::string job_id;  // of a link: the only job that it shows
};

// A token is `sft_ID_SECRET`: the prefix is for those who search for leaked ones, the id is no secret, and the secret is 256 random bits in
// hexadecimal. Thread-safe. What another process has made
// counts at once, what it has revoked within kRefresh.
class Tokens {
 public:
  static constexpr absl::Duration kRefresh = absl::Milliseconds(250);
  static constexpr int kMostLinks = 100;

  // Both must outlive this.
  Tokens(store::TokenStore& store, Clock& clock) : store_(store), clock_(clock) {}

  // The whole token, which is nowhere kept. InvalidArgument for an owner that does not match [a-z0-9][a-z0-9._@-]{0,62}, a description of
  // more than 200 characters or a time that is over. Expires never where `expires` is not set.
  absl::StatusOr<std::string> Create(const std::string& owner, v1::Role role, std::optional<absl::Time> expires,
                                     const std::string& description);
  // The same for a link to a job of the owner's. ResourceExhausted for a job with kMostLinks that count.
  absl::StatusOr<std::string> CreateLink(const std::string& owner, const std::string& job_id, absl::Time expires);
  // Ends those of a job; how many.
  absl::StatusOr<int> RevokeLinks(const std::string& job_id);
  absl::StatusOr<std::vector<store::TokenRow>> List() { return store_.List(); }
  // By its id; NotFound.
  absl::Status Revoke(const std::string& id);

  // Unauthenticated with reason TOKEN_INVALID, also for one that was revoked, or TOKEN_EXPIRED, which only the holder of its secret learns.
  absl::StatusOr<Identity> Verify(absl::string_view token);
  // Whether a token that was verified still counts; errors as of Verify.
  absl::Status Recheck(const std::string& token_id);

 private:
  // What is known is then at most so old.
  absl::Status Refresh(absl::Duration age) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LookAgain();
  absl::StatusOr<store::TokenRow> Find(absl::string_view id);
  absl::Status CheckTimes(const store::TokenRow& row) const;
  void RecordUse(const store::TokenRow& row);

  store::TokenStore& store_;
  Clock& clock_;
  absl::Mutex mutex_;
  absl::Duration last_look_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();  // of Uptime
  std::optional<int64_t> version_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, store::TokenRow, std::less<>> rows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::jobs
