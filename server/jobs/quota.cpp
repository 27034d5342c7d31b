#include "server/jobs/quota.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "google/rpc/error_details.pb.h"

namespace sliceflow::jobs {
namespace {

// When a job may have ended.
constexpr absl::Duration kJobRetry = absl::Seconds(30);

}  // namespace

absl::Status QuotaExceeded(const std::string& owner, const char* limit, const std::string& message) {
  absl::Status status = WithReason(absl::ResourceExhaustedError(message), "QUOTA_EXCEEDED", {{"limit", limit}});
  google::rpc::QuotaFailure failure;
  failure.add_violations()->set_subject(absl::StrCat("owner:", owner));
  failure.mutable_violations(0)->set_description(absl::StrCat("quota.", limit, ": ", message));
  status.SetPayload("type.googleapis.com/google.rpc.QuotaFailure", absl::Cord(failure.SerializeAsString()));
  return status;
}

Quotas::Quotas(store::Store& store, v1::Quota all, std::map<std::string, v1::Quota> owners)
    : store_(store), all_(std::move(all)), owners_(std::move(owners)) {}

const v1::Quota& Quotas::Of(const std::string& owner) const {
  const auto own = owners_.find(owner);
  return own == owners_.end() ? all_ : own->second;
}

absl::StatusOr<v1::Usage> Quotas::UsageOf(const std::string& owner) const {
  const absl::StatusOr<store::UsageRow> row = store_.GetUsage(owner);
  if (!row.ok()) return row.status();
  v1::Usage usage;
  usage.set_running_jobs(static_cast<int32_t>(row->running_jobs));
  usage.set_queued_jobs(static_cast<int32_t>(row->queued_jobs));
  usage.set_stored_bytes(row->stored_bytes);
  usage.set_pending_steps(row->pending_steps);
  return usage;
}

absl::Status Quotas::CheckNewJob(const std::string& owner, int64_t steps) const {
  const v1::Quota& quota = Of(owner);
  if (quota.max_queued_jobs() == 0 && quota.max_pending_steps() == 0 && quota.max_stored_bytes() == 0) return absl::OkStatus();
  const absl::StatusOr<v1::Usage> usage = UsageOf(owner);
  if (!usage.ok()) return usage.status();
  if (quota.max_queued_jobs() > 0 && usage->queued_jobs() >= quota.max_queued_jobs()) {
    const std::string message = absl::StrCat(usage->queued_jobs(), " of your jobs wait or are paused, and at most ",
                                             quota.max_queued_jobs(), " may: wait for one to run, or cancel one");
    return WithRetry(QuotaExceeded(owner, "max_queued_jobs", message), kJobRetry);
  }
  if (quota.max_pending_steps() > 0 && usage->pending_steps() + steps > quota.max_pending_steps()) {
    const std::string message =
        absl::StrCat(usage->pending_steps(), " steps of your jobs are still to be computed, with this job's ", steps,
                     " that is more than the ", quota.max_pending_steps(), " allowed: wait, cancel a job, or ask for fewer steps");
    absl::Status status = QuotaExceeded(owner, "max_pending_steps", message);
    return steps > quota.max_pending_steps() ? status : WithRetry(std::move(status), kJobRetry);
  }
  return CheckBytes(owner, 0);
}

absl::Status Quotas::CheckBytes(const std::string& owner, int64_t bytes) const {
  const int64_t most = Of(owner).max_stored_bytes();
  if (most == 0) return absl::OkStatus();
  const absl::StatusOr<v1::Usage> usage = UsageOf(owner);
  if (!usage.ok()) return usage.status();
  if (usage->stored_bytes() + bytes <= most && usage->stored_bytes() < most) return absl::OkStatus();
  return QuotaExceeded(owner, "max_stored_bytes",
                       absl::StrCat("you store ", usage->stored_bytes(), " bytes of samples, checkpoints and data sets",
                                    bytes > 0 ? absl::StrCat(", with ", bytes, " more that is") : ", which is", " beyond the ", most,
                                    " allowed: delete jobs or data sets"));
}

}  // namespace sliceflow::jobs
