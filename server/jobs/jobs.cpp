// What users ask for, and recovery. What workers report is in assignments.cpp.
#include "server/jobs/jobs.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/ids.h"
#include "google/rpc/error_details.pb.h"
#include "server/events/projection.h"
#include "server/jobs/decisions.h"
#include "server/jobs/request_hash.h"
#include "server/jobs/retention.h"

namespace sliceflow::jobs {
namespace {

constexpr int kRecoveryPage = 500;
// Many clients take messages of 4 MiB; one job, its defaults filled in, is smaller.
constexpr size_t kPageBytes = size_t{3} << 20;
constexpr size_t kListBatch = 20;  // jobs read at once
constexpr int kActiveStates[] = {v1::Job::QUEUED, v1::Job::RUNNING, v1::Job::PAUSED};

}  // namespace

Jobs::Jobs(events::EventLog& log, store::Store& store, store::BlobStore& blobs, Clock& clock)
    : log_(log), store_(store), blobs_(blobs), clock_(clock) {}

absl::StatusOr<Jobs::Applied> Jobs::Apply(const std::string& job_id, Decide decide) {
  absl::Status lost;
  for (int race = 0; race < kMaxRaces; ++race) {
    const absl::StatusOr<events::JobView> view = log_.Get(job_id);
    if (!view.ok()) return view.status();
    Decision decision = decide(*view);
    if (!decision.ok()) return decision.status();
    if (!decision->has_value()) return Applied{view->job, false};
    absl::StatusOr<v1::Job> job = log_.Append(*std::move(*decision));
    if (job.ok()) return Applied{*std::move(job), true};
    if (!absl::IsAborted(job.status())) return job.status();
    lost = job.status();
  }
  return WithReason(lost, "TOO_MANY_RACES");
}

absl::StatusOr<std::vector<std::string>> Jobs::IdsInState(v1::Job::State state) {
  std::vector<std::string> ids;
  store::JobQuery query;
  query.states = {state};
  query.ascending = true;
  query.limit = kRecoveryPage;
  while (true) {
    const auto rows = store_.ListJobs(query);
    if (!rows.ok()) return rows.status();
    for (const store::JobRow& row : *rows) ids.push_back(row.id);
    if (static_cast<int>(rows->size()) < query.limit) return ids;
    query.after_number = rows->back().number;
  }
}

absl::StatusOr<std::vector<std::string>> Jobs::Recover() {
  const auto running = IdsInState(v1::Job::RUNNING);
  if (!running.ok()) return running.status();
  for (const std::string& id : *running) {
    const auto applied = Apply(id, [&](const events::JobView& view) -> Decision {
      events::Change change = ChangeOf(view);
      absl::Status status = Transition(change, v1::Job::QUEUED, "the server was restarted", clock_.Now());
      if (!status.ok()) return status;
      return change;
    });
    if (!applied.ok()) return applied.status();
  }
  const auto keys = store_.ReferencedKeys("jobs/");
  if (!keys.ok()) return keys.status();
  absl::Status status = blobs_.Sweep("jobs/", *keys);
  if (!status.ok()) return status;
  return IdsInState(v1::Job::QUEUED);
}

absl::Status Jobs::CheckQuota(int max_active_jobs) {
  const auto active = store_.CountJobs({std::begin(kActiveStates), std::end(kActiveStates)});
  if (!active.ok()) return active.status();
  if (*active < max_active_jobs) return absl::OkStatus();
  const std::string message = absl::StrCat("there are ", *active, " jobs that have not ended, and at most ", max_active_jobs,
                                           " are allowed: wait for one to end or cancel one");
  absl::Status status = WithReason(absl::ResourceExhaustedError(message), "TOO_MANY_ACTIVE_JOBS");
  google::rpc::QuotaFailure failure;
  failure.add_violations()->set_subject("limits.max_active_jobs");
  failure.mutable_violations(0)->set_description(message);
  status.SetPayload("type.googleapis.com/google.rpc.QuotaFailure", absl::Cord(failure.SerializeAsString()));
  return status;
}

absl::StatusOr<v1::Job> Jobs::AnswerRepeatedRequest(const store::Store::RequestRow& request, const std::string& request_id,
                                                    const std::string& hash) {
  if (request.request_hash == hash) return Get(request.job_id);
  return WithReason(
      absl::AlreadyExistsError(absl::StrCat("request_id '", request_id, "' was used for another job, ", JobName(request.job_id))),
      "REQUEST_ID_REUSED", {{"job", JobName(request.job_id)}});
}

absl::StatusOr<v1::Job> Jobs::CreateWithinQuota(v1::Job job, const std::string& owner, const std::string& request_id, int max_active_jobs) {
  absl::Status status = CheckQuota(max_active_jobs);
  if (!status.ok()) return status;
  const std::string hash = RequestHash(job);
  const absl::Time now = clock_.Now();
  events::Change change;
  change.job = std::move(job);
  change.job.set_name(JobName(NewId()));
  change.job.set_owner(owner);
  change.job.clear_state();
  *change.job.mutable_create_time() = events::ToTimestamp(now);
  const int given_steps = change.job.progress().total_steps();
  change.job.clear_progress();
  change.job.mutable_progress()->set_total_steps(given_steps > 0 ? given_steps : StepsOf(change.job.spec().schedule()));
  status = Transition(change, v1::Job::QUEUED, "created", now);
  if (!status.ok()) return status;
  absl::StatusOr<v1::Job> created = log_.Create(std::move(change), owner, request_id, hash);
  if (absl::IsNotFound(created.status())) return WithReason(created.status(), "RESOURCE_NOT_FOUND");
  return created;
}

absl::StatusOr<v1::Job> Jobs::Create(v1::Job job, const std::string& owner, const std::string& request_id, int max_active_jobs) {
  absl::StatusOr<v1::Job> created;
  {
    absl::MutexLock lock(&create_mutex_);
    if (!request_id.empty()) {
      const auto request = store_.FindRequest(owner, request_id);
      if (!request.ok()) return request.status();
      if (request->has_value()) return AnswerRepeatedRequest(**request, request_id, RequestHash(job));
    }
    created = CreateWithinQuota(std::move(job), owner, request_id, max_active_jobs);
  }
  if (created.ok() && listener_ != nullptr) listener_->OnQueued(events::JobId(*created));
  return created;
}

absl::StatusOr<v1::Job> Jobs::Get(const std::string& job_id) {
  absl::StatusOr<events::JobView> view = log_.Get(job_id);
  if (!view.ok()) return view.status();
  return std::move(view->job);
}

absl::StatusOr<Jobs::Page> Jobs::List(store::JobQuery query) {
  const size_t limit = query.limit;
  Page page;
  size_t bytes = 0;
  while (true) {
    query.limit = static_cast<int>(std::min(limit + 1 - page.jobs.size(), kListBatch));  // one more tells whether there is a next page
    absl::StatusOr<std::vector<events::JobView>> views = log_.List(query);
    if (!views.ok()) return views.status();
    for (events::JobView& view : *views) {
      bytes += view.job.ByteSizeLong();
      if (page.jobs.size() == limit || (!page.jobs.empty() && bytes > kPageBytes)) {
        page.next_number = query.after_number;
        return page;
      }
      query.after_number = view.number;
      page.jobs.push_back(std::move(view.job));
    }
    if (static_cast<int>(views->size()) < query.limit) return page;
  }
}

absl::StatusOr<v1::Job> Jobs::Cancel(const std::string& job_id, const std::string& etag) {
  absl::StatusOr<Applied> applied = Apply(job_id, [&](const events::JobView& view) -> Decision {
    absl::Status status = CheckEtag(view.job, etag);
    if (!status.ok()) return status;
    if (view.job.state() == v1::Job::CANCELLED) return std::nullopt;
    if (events::IsFinal(view.job.state())) {
      return PreconditionError("JOB_ENDED", view.job.name(), absl::StrCat("the job has ended: ", v1::Job::State_Name(view.job.state())));
    }
    events::Change change = ChangeOf(view);
    status = Transition(change, v1::Job::CANCELLED, "cancelled on request", clock_.Now());
    if (!status.ok()) return status;
    return change;
  });
  if (!applied.ok()) return applied.status();
  if (applied->changed && listener_ != nullptr) listener_->OnStopRequested(job_id);
  return std::move(applied->job);
}

absl::Status Jobs::Delete(const std::string& job_id, const std::string& etag) {
  absl::Status deleted = absl::AbortedError("");
  for (int race = 0; race < kMaxRaces && absl::IsAborted(deleted); ++race) {
    const absl::StatusOr<events::JobView> view = log_.Get(job_id);
    if (!view.ok()) return view.status();
    absl::Status status = CheckEtag(view->job, etag);
    if (!status.ok()) return status;
    if (!events::IsFinal(view->job.state())) {
      return PreconditionError("JOB_NOT_ENDED", view->job.name(),
                               absl::StrCat("the job is ", v1::Job::State_Name(view->job.state()), ": cancel it first"));
    }
    deleted = log_.Delete(job_id, view->version);
  }
  if (!deleted.ok()) return deleted;
  samples_.Drop(absl::StrCat(BlobFolder(job_id), "/"));
  blobs_.DeleteTree(BlobFolder(job_id)).IgnoreError();  // nothing refers to it: the next start sweeps what is left
  return absl::OkStatus();
}

}  // namespace sliceflow::jobs
