// The door: who a call comes from, whether it may do what it asks for, and a line in the audit log of what came of it.
#pragma once

#include <grpcpp/server_context.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "server/api/audit_log.h"
#include "server/api/rate_limit.h"
#include "server/jobs/quota.h"
#include "server/jobs/scope.h"
#include "server/jobs/tokens.h"
#include "sliceflow/v1/job_service.pb.h"

namespace sliceflow::api {

// Who asks.
struct Caller {
  std::string owner;
  v1::Role role = v1::ADMIN;
  std::string token_id;  // empty where the server asks for no tokens
  std::string job_id;    // of a link: the only job that it shows

  // What the caller sees.
  jobs::Scope scope() const {
    if (!job_id.empty()) return jobs::Scope::OfJob(owner, job_id);
    return role == v1::ADMIN ? jobs::Scope::Everyone() : jobs::Scope::Of(owner);
  }
};

enum class Permission { kRead, kWrite };

// What a call wants.
struct Purpose {
  const char* method;  // such as JobService.CancelJob
  Permission permission = Permission::kRead;
  std::string resource;  // what it is about, as the client named it; may be empty
};

class Access;

// A call that was let in. Its end is told once: by End, or by the destructor as CANCELLED. Movable, not thread-safe.
class Call {
 public:
  Call(Access& access, Caller caller, Purpose purpose, std::string peer, std::string request_id);
  Call(Call&& other) noexcept;
  Call& operator=(Call&&) = delete;
  ~Call();

  const Caller& caller() const { return caller_; }
  // What it was about, where that shows only later.
  void Name(std::string resource) { purpose_.resource = std::move(resource); }
  void End(const absl::Status& status);
  // In place of End, where the door refuses it after all: told whatever it asked for, as what Enter refuses.
  void Refuse(const absl::Status& status);

 private:
  Access* access_;  // null once it has ended
  Caller caller_;
  Purpose purpose_;
  std::string peer_;
  std::string request_id_;
};

// Thread-safe.
class Access {
 public:
  // Failed authentications that one peer may have at once, and how many a second in the long run: beyond, its failures are answered as
  // too many, and only so many of them a second have a line in the audit log.
  static constexpr double kMostFailures = 20;
  static constexpr double kFailuresPerSecond = 0.5;
  static constexpr double kToldPerSecond = 0.1;

  // `tokens` null: no token is asked for, and everybody is an admin without an owner. `audit` null: nothing is written. All must outlive
  // this.
  Access(jobs::Tokens* tokens, const jobs::Quotas& quotas, AuditLog* audit, Clock& clock);

  // Believes calls with this word where they say they are from (common/forwarded_peer.h). Before the first call.
  void BelieveGateway(std::string word) { gateway_word_ = std::move(word); }

  // Lets a call in by its `authorization` metadata, `Bearer TOKEN`. UNAUTHENTICATED with reason TOKEN_MISSING, TOKEN_INVALID or
  // TOKEN_EXPIRED, none of which tells whether an owner exists; PERMISSION_DENIED with reason ROLE_TOO_LOW, also for what a link does not allow; RESOURCE_EXHAUSTED with
  // RetryInfo beyond the owner's rate (QUOTA_EXCEEDED) or a peer's failures (TOO_MANY_FAILURES); DEADLINE_EXCEEDED for a call whose time is
  // over.
  absl::StatusOr<Call> Enter(const grpc::CallbackServerContext& context, Purpose purpose);

  // For a stream under way: whether its token still counts.
  absl::Status Recheck(const Caller& caller) { return tokens_ == nullptr ? absl::OkStatus() : tokens_->Recheck(caller.token_id); }
  bool asks_for_tokens() const { return tokens_ != nullptr; }

  // One more watch of the owner's, until LeaveWatch. RESOURCE_EXHAUSTED beyond the quota.
  absl::Status EnterWatch(const std::string& owner);
  void LeaveWatch(const std::string& owner);

  // RESOURCE_EXHAUSTED for a priority that the owner's jobs may not have. An admin's may have any.
  absl::Status CheckPriority(const Caller& caller, int priority) const;

  // With quota and usage, but for a link.
  absl::StatusOr<v1::Caller> Describe(const Caller& caller);

  // A link to a job, and the end of all of its links. FailedPrecondition where no tokens are asked for; InvalidArgument for a time to live that
  // is not between a second and 90 days; errors as of Tokens.
  absl::StatusOr<v1::ShareJobResponse> Share(const std::string& owner, const std::string& job_id, const v1::ShareJobRequest& request);
  absl::StatusOr<v1::UnshareJobResponse> Unshare(const std::string& job_id);

 private:
  friend class Call;

  std::string PeerOf(const grpc::CallbackServerContext& context) const;
  absl::StatusOr<Caller> Identify(const grpc::CallbackServerContext& context);
  absl::Status CheckRate(const std::string& owner);
  void Tell(const Caller& caller, const Purpose& purpose, const std::string& peer, const std::string& request_id,
            const absl::Status& status);

  jobs::Tokens* const tokens_;
  const jobs::Quotas& quotas_;
  AuditLog* const audit_;
  Clock& clock_;
  std::string gateway_word_;  // empty: there is no gateway
  RateLimit rates_;           // by owner
  RateLimit failures_;        // by peer
  RateLimit told_;            // lines about too many failures, by peer
  absl::Mutex mutex_;
  std::map<std::string, int> watches_ ABSL_GUARDED_BY(mutex_);  // by owner
};

}  // namespace sliceflow::api
