#include "server/jobs/decisions.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "server/events/projection.h"
#include "server/jobs/transitions.h"

namespace sliceflow::jobs {

events::Change ChangeOf(const events::JobView& view) {
  events::Change change;
  change.job = view.job;
  change.version = view.version;
  change.worker_failures = view.worker_failures;
  return change;
}

v1::JobEvent LogEvent(v1::LogEntry::Severity severity, absl::string_view message, absl::Time time) {
  v1::JobEvent event;
  *event.mutable_time() = events::ToTimestamp(time);
  event.mutable_log()->set_severity(severity);
  event.mutable_log()->set_message(std::string(message));
  return event;
}

absl::Status Transition(events::Change& change, v1::Job::State to, absl::string_view reason, absl::Time time, const absl::Status& error) {
  v1::Job& job = change.job;
  if (!IsAllowed(job.state(), to)) {
    return absl::InternalError(absl::StrCat(v1::Job::State_Name(job.state()), " → ", v1::Job::State_Name(to), " is no transition"));
  }
  v1::JobEvent event;
  *event.mutable_time() = events::ToTimestamp(time);
  event.mutable_state_changed()->set_state(to);
  event.mutable_state_changed()->set_reason(std::string(reason));
  if (to == v1::Job::FAILED) {
    *event.mutable_state_changed()->mutable_error() = ToRpcStatus(error);
    *job.mutable_error() = event.state_changed().error();
  }
  if (to == v1::Job::RUNNING) {
    job.mutable_progress()->set_assignments(job.progress().assignments() + 1);
    if (!job.has_start_time()) *job.mutable_start_time() = event.time();
  }
  if (events::IsFinal(to)) *job.mutable_end_time() = event.time();
  job.clear_retry_time();
  job.set_state(to);
  change.events.push_back(std::move(event));
  return absl::OkStatus();
}

absl::Status CheckEtag(const v1::Job& job, const std::string& etag) {
  if (etag.empty() || etag == job.etag()) return absl::OkStatus();
  return WithReason(absl::AbortedError(absl::StrCat(job.name(), " has changed: its etag is '", job.etag(), "', not '", etag, "'")),
                    "ETAG_MISMATCH", {{"etag", job.etag()}});
}

absl::Status CheckAssignment(const v1::Job& job, int64_t assignment) {
  if (job.state() == v1::Job::RUNNING && job.progress().assignments() == assignment) return absl::OkStatus();
  return WithReason(absl::AbortedError(absl::StrCat("assignment ", assignment, " of ", job.name(), " is over: the job is ",
                                                    v1::Job::State_Name(job.state()), " with assignment ", job.progress().assignments())),
                    "STALE_ASSIGNMENT");
}

bool EndedUnder(const v1::Job& job, int64_t assignment) {
  return events::IsFinal(job.state()) && job.progress().assignments() == assignment;
}

}  // namespace sliceflow::jobs
