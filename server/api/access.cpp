#include "server/api/access.h"

#include <chrono>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/forwarded_peer.h"
#include "server/api/call_info.h"
#include "server/events/projection.h"

namespace sliceflow::api {
namespace {

// The time over which an owner's calls are counted.
constexpr double kRateSeconds = 10;
constexpr absl::Duration kLinkTime = absl::Hours(24 * 7);
constexpr absl::Duration kMostLinkTime = absl::Hours(24 * 90);

// Without the port, which each connection has another of. What is no address (a unix socket, a call in the process) is as it is.
std::string HostOf(const std::string& peer) {
  if (!absl::StartsWith(peer, "ipv4:") && !absl::StartsWith(peer, "ipv6:")) return peer;
  return peer.substr(0, peer.rfind(':'));
}

absl::Status TokenMissing() {
  return WithReason(absl::UnauthenticatedError("this server asks for a token; sliceflow takes one by --token-file or SLICEFLOW_TOKEN"),
                    "TOKEN_MISSING");
}

absl::Status RoleTooLow(const char* method) {
  return WithReason(absl::PermissionDeniedError(absl::StrCat("the token is a viewer's, which may look but not call ", method)),
                    "ROLE_TOO_LOW", {{"role", "VIEWER"}, {"needed", "USER"}});
}

// What a link allows with its job; which job is the scope's matter.
bool IsOfLinks(absl::string_view method) {
  constexpr absl::string_view kMethods[] = {"JobService.GetJob",          "JobService.WatchJob",    "JobService.SampleJob",
                                            "JobService.EvaluateDensity", "JobService.ExportModel", "ServerService.GetServerInfo"};
  return absl::c_linear_search(kMethods, method);
}

absl::Status BeyondLink(const std::string& job_id, const char* method) {
  return WithReason(
      absl::PermissionDeniedError(absl::StrCat("the token is of a link, which shows jobs/", job_id, " and does not allow ", method)),
      "ROLE_TOO_LOW", {{"role", "VIEWER"}, {"needed", "USER"}});
}

absl::Status OpenAnyway() {
  return WithReason(absl::FailedPreconditionError("this server asks for no tokens: whoever reaches it sees the job"), "NO_TOKENS_ASKED");
}

absl::StatusOr<absl::Duration> LinkTime(const v1::ShareJobRequest& request) {
  if (!request.has_ttl()) return kLinkTime;
  const absl::Duration time = absl::Seconds(request.ttl().seconds()) + absl::Nanoseconds(request.ttl().nanos());
  if (time >= absl::Seconds(1) && time <= kMostLinkTime) return time;
  FieldViolations violations;
  violations.Add("ttl",
                 absl::StrCat("must be from 1s to ", absl::ToInt64Seconds(kMostLinkTime), "s (90 days), is ", absl::FormatDuration(time)));
  return violations.ToStatus();
}

absl::Status TooManyFailures(absl::Duration wait) {
  return WithRetry(WithReason(absl::ResourceExhaustedError("too many calls with wrong tokens came from this address"), "TOO_MANY_FAILURES"),
                   wait);
}

// Empty where there is none. Schemes are of either case (RFC 9110, section 11.1).
absl::string_view BearerToken(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find("authorization");
  if (found == context.client_metadata().end()) return "";
  absl::string_view value(found->second.data(), found->second.size());
  constexpr absl::string_view kScheme = "Bearer ";
  return absl::StartsWithIgnoreCase(value, kScheme) ? value.substr(kScheme.size()) : "";
}

}  // namespace

Call::Call(Access& access, Caller caller, Purpose purpose, std::string peer, std::string request_id)
    : access_(&access),
      caller_(std::move(caller)),
      purpose_(std::move(purpose)),
      peer_(std::move(peer)),
      request_id_(std::move(request_id)) {}

Call::Call(Call&& other) noexcept
    : access_(std::exchange(other.access_, nullptr)),
      caller_(std::move(other.caller_)),
      purpose_(std::move(other.purpose_)),
      peer_(std::move(other.peer_)),
      request_id_(std::move(other.request_id_)) {}

Call::~Call() { End(absl::CancelledError("")); }

void Call::End(const absl::Status& status) {
  Access* const access = std::exchange(access_, nullptr);
  if (access != nullptr && purpose_.permission == Permission::kWrite) access->Tell(caller_, purpose_, peer_, request_id_, status);
}

void Call::Refuse(const absl::Status& status) {
  Access* const access = std::exchange(access_, nullptr);
  if (access != nullptr) access->Tell(caller_, purpose_, peer_, request_id_, status);
}

Access::Access(jobs::Tokens* tokens, const jobs::Quotas& quotas, AuditLog* audit, Clock& clock)
    : tokens_(tokens), quotas_(quotas), audit_(audit), clock_(clock), rates_(clock), failures_(clock), told_(clock) {}

std::string Access::PeerOf(const grpc::CallbackServerContext& context) const {
  const auto told = context.client_metadata().find(kPeerKey);
  if (gateway_word_.empty() || told == context.client_metadata().end()) return context.peer();
  absl::string_view peer(told->second.data(), told->second.size());
  return absl::ConsumePrefix(&peer, absl::StrCat(gateway_word_, " ")) ? std::string(peer) : context.peer();
}

absl::StatusOr<Call> Access::Enter(const grpc::CallbackServerContext& context, Purpose purpose) {
  const std::string peer = PeerOf(context);
  absl::StatusOr<Caller> caller = Identify(context);
  if (absl::IsUnauthenticated(caller.status())) {
    const std::string host = HostOf(peer);
    const absl::Duration wait = failures_.Take(host, kMostFailures, kFailuresPerSecond);
    if (wait > absl::ZeroDuration()) {
      absl::Status refused = TooManyFailures(wait);
      const bool is_told = told_.Take(host, 1, kToldPerSecond) == absl::ZeroDuration();
      if (is_told) Tell(Caller{.role = v1::ROLE_UNSPECIFIED}, purpose, peer, RequestIdOf(context), refused);
      return refused;
    }
  }
  absl::Status status = caller.status();
  if (status.ok() && !caller->job_id.empty() && !IsOfLinks(purpose.method)) status = BeyondLink(caller->job_id, purpose.method);
  if (status.ok() && purpose.permission == Permission::kWrite && caller->role == v1::VIEWER) status = RoleTooLow(purpose.method);
  if (status.ok()) status = CheckRate(caller->owner);
  // By the clock that gRPC converts it with: absl::Now may tell the old time for two seconds after the machine's was set.
  if (status.ok() && context.deadline() <= std::chrono::system_clock::now()) {
    status = WithReason(absl::DeadlineExceededError("the call's time was over before it began"), "DEADLINE_EXCEEDED");
  }
  if (status.ok()) return Call(*this, *std::move(caller), std::move(purpose), peer, RequestIdOf(context));
  Tell(caller.ok() ? *caller : Caller{.role = v1::ROLE_UNSPECIFIED}, purpose, peer, RequestIdOf(context), status);
  return status;
}

absl::StatusOr<Caller> Access::Identify(const grpc::CallbackServerContext& context) {
  if (tokens_ == nullptr) return Caller();
  const absl::string_view token = BearerToken(context);
  if (token.empty()) return TokenMissing();
  absl::StatusOr<jobs::Identity> identity = tokens_->Verify(token);
  if (!identity.ok()) return identity.status();
  return Caller{std::move(identity->owner), identity->role, std::move(identity->token_id), std::move(identity->job_id)};
}

absl::Status Access::CheckRate(const std::string& owner) {
  const double rate = quotas_.Of(owner).max_requests_per_second();
  if (rate <= 0) return absl::OkStatus();
  const absl::Duration wait = rates_.Take(owner, std::max(1.0, rate * kRateSeconds), rate);
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  const std::string message = absl::StrCat("more than ", rate, " calls a second, counted over ten seconds");
  return WithRetry(jobs::QuotaExceeded(owner, "max_requests_per_second", message), wait);
}

absl::Status Access::EnterWatch(const std::string& owner) {
  const int most = quotas_.Of(owner).max_watches();
  const absl::MutexLock lock(&mutex_);
  int& watches = watches_[owner];
  if (most > 0 && watches >= most) {
    const std::string message = absl::StrCat(watches, " watches are open, and at most ", most, " may be: end one");
    return WithRetry(jobs::QuotaExceeded(owner, "max_watches", message), absl::Seconds(10));
  }
  ++watches;
  return absl::OkStatus();
}

void Access::LeaveWatch(const std::string& owner) {
  const absl::MutexLock lock(&mutex_);
  const auto found = watches_.find(owner);
  if (--found->second == 0) watches_.erase(found);
}

absl::Status Access::CheckPriority(const Caller& caller, int priority) const {
  const int most = quotas_.Of(caller.owner).max_priority();
  if (caller.role == v1::ADMIN || priority <= most) return absl::OkStatus();
  return jobs::QuotaExceeded(caller.owner, "max_priority", absl::StrCat("priority ", priority, " is above ", most, ", your highest"));
}

absl::StatusOr<v1::Caller> Access::Describe(const Caller& caller) {
  if (!caller.job_id.empty()) {
    v1::Caller link;
    link.set_owner(caller.owner);
    link.set_role(caller.role);
    link.set_shared_job(absl::StrCat("jobs/", caller.job_id));
    return link;
  }
  absl::StatusOr<v1::Usage> usage = quotas_.UsageOf(caller.owner);
  if (!usage.ok()) return usage.status();
  v1::Caller message;
  message.set_owner(caller.owner);
  message.set_role(caller.role);
  *message.mutable_quota() = quotas_.Of(caller.owner);
  *message.mutable_usage() = *std::move(usage);
  const absl::MutexLock lock(&mutex_);
  const auto watches = watches_.find(caller.owner);
  if (watches != watches_.end()) message.mutable_usage()->set_watches(watches->second);
  return message;
}

absl::StatusOr<v1::ShareJobResponse> Access::Share(const std::string& owner, const std::string& job_id,
                                                   const v1::ShareJobRequest& request) {
  if (tokens_ == nullptr) return OpenAnyway();
  const absl::StatusOr<absl::Duration> time = LinkTime(request);
  if (!time.ok()) return time.status();
  const absl::Time expires = clock_.Now() + *time;
  absl::StatusOr<std::string> token = tokens_->CreateLink(owner, job_id, expires);
  if (!token.ok()) return token.status();
  v1::ShareJobResponse response;
  response.set_token(*std::move(token));
  *response.mutable_expire_time() = events::ToTimestamp(expires);
  return response;
}

absl::StatusOr<v1::UnshareJobResponse> Access::Unshare(const std::string& job_id) {
  if (tokens_ == nullptr) return OpenAnyway();
  const absl::StatusOr<int> ended = tokens_->RevokeLinks(job_id);
  if (!ended.ok()) return ended.status();
  v1::UnshareJobResponse response;
  response.set_ended_links(*ended);
  return response;
}

void Access::Tell(const Caller& caller, const Purpose& purpose, const std::string& peer, const std::string& request_id,
                  const absl::Status& status) {
  if (audit_ == nullptr) return;
  audit_->Write({.time = clock_.Now(),
                 .owner = caller.owner,
                 .token_id = caller.token_id,
                 .role = caller.role == v1::ROLE_UNSPECIFIED ? "" : v1::Role_Name(caller.role),
                 .peer = peer,
                 .method = purpose.method,
                 .resource = purpose.resource,
                 .request_id = request_id,
                 .code = std::string(absl::StatusCodeToString(status.code())),
                 .reason = Reason(status)});
}

}  // namespace sliceflow::api
