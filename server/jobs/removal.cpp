// Deletion, which can be taken back until the purge, and what becomes of blobs.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "server/events/projection.h"
#include "server/jobs/decisions.h"
#include "server/jobs/jobs.h"
#include "server/jobs/retention.h"

namespace sliceflow::jobs {
namespace {

absl::Status CheckEnded(const v1::Job& job) {
  if (events::IsFinal(job.state())) return absl::OkStatus();
  return PreconditionError("JOB_NOT_ENDED", job.name(), absl::StrCat("the job is ", v1::Job::State_Name(job.state()), ": cancel it first"));
}

}  // namespace

absl::StatusOr<v1::Job> Jobs::Delete(const Scope& scope, const std::string& job_id, const std::string& etag) {
  return EvenOnAFullDisk([&] { return DeleteOnce(scope, job_id, etag); });
}

absl::StatusOr<v1::Job> Jobs::DeleteOnce(const Scope& scope, const std::string& job_id, const std::string& etag) {
  absl::StatusOr<Applied> applied = Apply(scope, job_id, [&](const events::JobView& view) -> Decision {
    absl::Status status = CheckEtag(view.job, etag);
    if (status.ok()) status = CheckEnded(view.job);
    if (!status.ok()) return status;
    if (view.job.has_delete_time()) return std::nullopt;
    events::Change change = ChangeOf(view);
    const absl::Time now = clock_.Now();
    *change.job.mutable_delete_time() = events::ToTimestamp(now);
    *change.job.mutable_purge_time() = events::ToTimestamp(now + retention_.undelete_window);
    return change;
  });
  if (!applied.ok()) return applied.status();
  return std::move(applied->job);
}

absl::StatusOr<v1::Job> Jobs::Undelete(const Scope& scope, const std::string& job_id, const std::string& etag) {
  absl::StatusOr<Applied> applied = Apply(scope, job_id, [&](const events::JobView& view) -> Decision {
    absl::Status status = CheckEtag(view.job, etag);
    if (!status.ok()) return status;
    if (!view.job.has_delete_time()) return PreconditionError("JOB_NOT_DELETED", view.job.name(), "the job is not deleted");
    events::Change change = ChangeOf(view);
    change.job.clear_delete_time();
    change.job.clear_purge_time();
    return change;
  });
  if (!applied.ok()) return applied.status();
  return std::move(applied->job);
}

absl::StatusOr<v1::Job> Jobs::Purge(const Scope& scope, const std::string& job_id, const std::string& etag) {
  absl::Status lost;
  for (int race = 0; race < kMaxRaces; ++race) {
    absl::StatusOr<events::JobView> view = View(scope, job_id);
    if (!view.ok()) return view.status();
    absl::Status status = CheckEtag(view->job, etag);
    if (status.ok()) status = CheckEnded(view->job);
    if (!status.ok()) return status;
    status = Remove(*view);
    if (status.ok()) return std::move(view->job);
    if (!absl::IsAborted(status)) return status;
    lost = status;
  }
  return WithReason(lost, "TOO_MANY_RACES");
}

absl::Status Jobs::Remove(const events::JobView& view) {
  const std::string job_id = events::JobId(view.job);
  const auto ancestors = store_.ForkAncestors(job_id);
  if (!ancestors.ok()) return ancestors.status();
  const auto remove = [&] { return log_.Delete(job_id, view.version); };
  absl::Status deleted = disk_ == nullptr ? remove() : disk_->Free(remove);
  if (!deleted.ok()) return deleted;
  samples_.Drop(absl::StrCat(BlobFolder(job_id), "/"));
  ReleaseFolder(job_id);
  // Of ancestors that went before, what stayed for this fork.
  for (const store::ForkAncestor& ancestor : *ancestors) {
    if (absl::IsNotFound(store_.GetJob(ancestor.job_id).status())) ReleaseFolder(ancestor.job_id);
  }
  return absl::OkStatus();
}

// What cannot be asked or removed now is swept at the next start.
void Jobs::ReleaseFolder(const std::string& job_id) {
  const std::string folder = BlobFolder(job_id);
  const auto shared = store_.KeysSharedByForks(job_id, absl::StrCat(folder, "/"));
  if (!shared.ok()) return;
  (shared->empty() ? blobs_.DeleteTree(folder) : blobs_.Sweep(folder, *shared)).IgnoreError();
}

void Jobs::ReleaseBlob(const std::string& job_id, int step, const std::string& key) {
  const std::string maker = JobOfKey(key);
  if (maker != job_id) {
    // What a fork shares is its ancestor's to remove, for as long as that one refers to it.
    const absl::StatusOr<store::StepRow> made = store_.GetStep(maker, step);
    if (made.ok() ? made->samples_key == key || made->checkpoint_key == key : !absl::IsNotFound(made.status())) return;
  }
  const absl::StatusOr<bool> shared = store_.IsSharedByForks(maker, step, key);
  if (shared.ok() && !*shared) blobs_.Delete(key).IgnoreError();
}

}  // namespace sliceflow::jobs
