// What retention asks for, piece by piece.
#include <algorithm>

#include "absl/time/time.h"
#include "common/errors.h"
#include "server/events/projection.h"
#include "server/jobs/decisions.h"
#include "server/jobs/jobs.h"

namespace sliceflow::jobs {
namespace {

constexpr int kJobsAtOnce = 50;
constexpr int kLogsAtOnce = 5;

// Another command was faster, or the job is gone: the next look decides.
bool Overtaken(const absl::Status& status) { return absl::IsAborted(status) || absl::IsNotFound(status); }

// A log is cut only when a tenth too long, so that one which grows is not cut at every look.
int64_t LongestLog(int64_t max_events) { return max_events + max_events / 10; }

}  // namespace

absl::StatusOr<bool> Jobs::Tidy() {
  bool more = false;
  // Room is made last: what the others free need not be purged for.
  for (const auto piece : {&Jobs::PurgeDue, &Jobs::DeleteBeyond, &Jobs::CutLongLogs, &Jobs::PurgeBeyondBytes}) {
    const absl::StatusOr<bool> left = (this->*piece)();
    if (!left.ok()) return left.status();
    more = more || *left;
  }
  return more;
}

absl::StatusOr<bool> Jobs::PurgeDue() {
  const int64_t now = absl::ToUnixMicros(clock_.Now());
  const auto due = store_.JobsToPurge(now, kJobsAtOnce);
  if (!due.ok()) return due.status();
  for (const std::string& id : *due) {
    const absl::StatusOr<events::JobView> view = log_.Get(id);
    absl::Status status = view.status();
    // Looked at again: it may have been undeleted meanwhile.
    if (status.ok() && view->job.has_purge_time() && events::Microseconds(view->job.purge_time()) <= now) status = Remove(*view);
    if (!status.ok() && !Overtaken(status)) return status;
  }
  return due->size() == kJobsAtOnce;
}

absl::StatusOr<bool> Jobs::DeleteBeyond() {
  const bool aged = retention_.max_age > absl::ZeroDuration();
  if (!aged && retention_.max_jobs == 0) return false;
  store::RetentionBounds bounds;
  if (aged) bounds.ended_before_us = absl::ToUnixMicros(clock_.Now() - retention_.max_age);
  if (retention_.max_jobs > 0) bounds.max_jobs = retention_.max_jobs;
  const auto beyond = store_.JobsBeyond(bounds, kJobsAtOnce);
  if (!beyond.ok()) return beyond.status();
  for (const std::string& id : *beyond) {
    absl::Status status = Delete(Scope::Everyone(), id, "").status();
    if (!status.ok() && !Overtaken(status)) return status;
  }
  return beyond->size() == kJobsAtOnce;
}

absl::StatusOr<bool> Jobs::CutLongLogs() {
  if (retention_.max_events_per_job == 0) return false;
  const auto long_ones = store_.JobsWithLongLogs(LongestLog(retention_.max_events_per_job), kLogsAtOnce);
  if (!long_ones.ok()) return long_ones.status();
  for (const std::string& id : *long_ones) {
    absl::Status status = CutLog(id);
    if (!status.ok() && !Overtaken(status)) return status;
  }
  return long_ones->size() == kLogsAtOnce;
}

absl::StatusOr<bool> Jobs::PurgeBeyondBytes() {
  if (retention_.max_bytes == 0) return false;
  const auto beyond = store_.JobsBeyondBytes(retention_.max_bytes, kJobsAtOnce);
  if (!beyond.ok()) return beyond.status();
  for (const std::string& id : *beyond) {
    absl::Status status = Purge(Scope::Everyone(), id, "").status();
    if (!status.ok() && !Overtaken(status)) return status;
  }
  return beyond->size() == kJobsAtOnce;
}

absl::Status Jobs::CutLog(const std::string& job_id) {
  std::vector<store::StepRow> without_samples;
  const absl::StatusOr<Applied> applied = Apply(job_id, [&](const events::JobView& view) -> Decision {
    events::Change change = ChangeOf(view);
    change.drop_events_before = view.job.progress().last_sequence() - retention_.max_events_per_job + 1;
    auto rows = store_.StepsWithSamples(job_id, change.drop_events_before);
    if (!rows.ok()) return rows.status();
    without_samples = *std::move(rows);
    return change;
  });
  if (!applied.ok()) return applied.status();
  for (const store::StepRow& row : without_samples) {
    samples_.Drop(row.samples_key);
    ReleaseBlob(job_id, row.step, row.samples_key);
  }
  return absl::OkStatus();
}

}  // namespace sliceflow::jobs
