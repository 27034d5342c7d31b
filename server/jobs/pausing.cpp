// Setting jobs aside, and taking them up again.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "server/events/projection.h"
#include "server/jobs/decisions.h"
#include "server/jobs/jobs.h"

namespace sliceflow::jobs {
namespace {

// What a command about pausing needs of the job as it stands: of the etag, and not at its end.
absl::Status CheckSteerable(const v1::Job& job, const std::string& etag) {
  absl::Status status = CheckEtag(job, etag);
  if (!status.ok() || !events::IsFinal(job.state())) return status;
  return PreconditionError("JOB_ENDED", job.name(), absl::StrCat("the job has ended: ", v1::Job::State_Name(job.state())));
}

}  // namespace

absl::StatusOr<v1::Job> Jobs::Pause(const Scope& scope, const std::string& job_id, const std::string& etag) {
  absl::StatusOr<Applied> applied = Apply(scope, job_id, [&](const events::JobView& view) -> Decision {
    absl::Status status = CheckSteerable(view.job, etag);
    if (!status.ok()) return status;
    if (view.job.state() == v1::Job::PAUSED) return std::nullopt;
    events::Change change = ChangeOf(view);
    status = Transition(change, v1::Job::PAUSED, "paused on request", clock_.Now());
    if (!status.ok()) return status;
    return change;
  });
  if (!applied.ok()) return applied.status();
  if (applied->changed && listener_ != nullptr) listener_->OnStopRequested(job_id, applied->job.progress().last_sequence());
  return std::move(applied->job);
}

absl::StatusOr<v1::Job> Jobs::Resume(const Scope& scope, const std::string& job_id, const std::string& etag) {
  absl::StatusOr<Applied> applied = Apply(scope, job_id, [&](const events::JobView& view) -> Decision {
    absl::Status status = CheckSteerable(view.job, etag);
    if (!status.ok()) return status;
    if (view.job.state() != v1::Job::PAUSED) return std::nullopt;
    events::Change change = ChangeOf(view);
    change.worker_failures = 0;  // whoever resumes it wants it tried again
    status = Transition(change, v1::Job::QUEUED, "resumed on request", clock_.Now());
    if (!status.ok()) return status;
    return change;
  });
  if (!applied.ok()) return applied.status();
  if (applied->changed) TellQueued(applied->job);
  return std::move(applied->job);
}

}  // namespace sliceflow::jobs
