// Pieces of a decision about a job that several commands share.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/events/event_log.h"

namespace sliceflow::jobs {

// A change that so far leaves the job as it is.
events::Change ChangeOf(const events::JobView& view);

v1::JobEvent LogEvent(v1::LogEntry::Severity severity, absl::string_view message, absl::Time time);

// Takes the job to a state and adds the event that says so. Entering RUNNING counts an assignment; no
// state but QUEUED has a time to try again, which is for the caller to set. Internal when the state machine does not
// allow it: callers check before.
absl::Status Transition(events::Change& change, v1::Job::State to, absl::string_view reason, absl::Time time,
                        const absl::Status& error = absl::OkStatus());

// Aborted (reason ETAG_MISMATCH) when an etag is given and is not the job's.
absl::Status CheckEtag(const v1::Job& job, const std::string& etag);

// Aborted (reason STALE_ASSIGNMENT) unless the job is RUNNING under this assignment.
absl::Status CheckAssignment(const v1::Job& job, int64_t assignment);

// Whether the job came to a final state under this assignment: what its worker says afterwards changes nothing.
bool EndedUnder(const v1::Job& job, int64_t assignment);

}  // namespace sliceflow::jobs
