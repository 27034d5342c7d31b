// What users ask for, and recovery. What workers report is in assignments.cpp.
#include "server/jobs/jobs.h"

#include <algorithm>
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
constexpr size_t kListBatch = 20;                           // jobs read at once
constexpr absl::Duration kActiveRetry = absl::Seconds(30);  // one may have ended by then

}  // namespace

Jobs::Jobs(events::EventLog& log, store::Store& store, store::BlobStore& blobs, Clock& clock, RetryDelays retry_delays,
           const RetentionOptions& retention)
    : log_(log), store_(store), blobs_(blobs), clock_(clock), retry_delays_(retry_delays), retention_(retention) {}

absl::StatusOr<events::JobView> Jobs::View(const Scope& scope, const std::string& job_id) {
  absl::StatusOr<events::JobView> view = log_.Get(job_id);
  if (view.ok() && !scope.SeesJob(view->job.owner(), job_id)) return ResourceNotFound("sliceflow.dev/Job", JobName(job_id));
  return view;
}

absl::StatusOr<Jobs::Applied> Jobs::Apply(const Scope& scope, const std::string& job_id, Decide decide) {
  absl::Status lost;
  for (int race = 0; race < kMaxRaces; ++race) {
    const absl::StatusOr<events::JobView> view = View(scope, job_id);
    if (!view.ok()) return view.status();
    Decision decision = decide(*view);
    if (!decision.ok()) return decision.status();
    if (!decision->has_value()) return Applied{view->job, false};
    const absl::Duration now = clock_.Uptime();
    if (view->job.state() == v1::Job::RUNNING) notes_.AddTo(job_id, now, (*decision)->job);
    absl::StatusOr<v1::Job> job = log_.Append(*std::move(*decision));
    if (job.ok()) {
      notes_.Stored(job_id, now, job->state());
      return Applied{*std::move(job), true};
    }
    if (!absl::IsAborted(job.status())) return job.status();
    lost = job.status();
  }
  return WithReason(lost, "TOO_MANY_RACES");
}

WaitingJob Jobs::Describe(const v1::Job& job) const {
  WaitingJob waiting;
  waiting.id = events::JobId(job);
  waiting.sequence = job.progress().last_sequence();
  waiting.owner = job.owner();
  waiting.priority = job.priority();
  waiting.device = job.device();
  waiting.memory_bytes = job.memory().estimated_bytes();
  if (job.has_retry_time()) {
    // No longer than any delay is, wherever the clock has been set to since.
    waiting.delay = std::clamp(events::ToTime(job.retry_time()) - clock_.Now(), absl::ZeroDuration(), retry_delays_.longest);
  }
  return waiting;
}

void Jobs::TellQueued(const v1::Job& job) {
  if (listener_ != nullptr) listener_->OnQueued(Describe(job));
}

absl::StatusOr<std::vector<WaitingJob>> Jobs::AllJobs(store::JobQuery query) {
  std::vector<WaitingJob> jobs;
  query.ascending = true;
  query.limit = kRecoveryPage;
  while (true) {
    const auto views = log_.List(query);
    if (!views.ok()) return views.status();
    for (const events::JobView& view : *views) jobs.push_back(Describe(view.job));
    if (static_cast<int>(views->size()) < query.limit) return jobs;
    query.after_number = views->back().number;
  }
}

// Every change writes the count.
absl::Status Jobs::CountPendingSteps() {
  const auto uncounted = AllJobs({.states = {v1::Job::QUEUED, v1::Job::PAUSED}, .without_pending_steps = true});
  if (!uncounted.ok()) return uncounted.status();
  for (const WaitingJob& job : *uncounted) {
    const absl::Status status = Apply(job.id, [](const events::JobView& view) -> Decision { return ChangeOf(view); }).status();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<WaitingJob>> Jobs::Recover() {
  if (absl::Status status = CountPendingSteps(); !status.ok()) return status;
  const auto running = AllJobs({.states = {v1::Job::RUNNING}});
  if (!running.ok()) return running.status();
  for (const WaitingJob& job : *running) {
    const auto applied = Apply(job.id, [&](const events::JobView& view) -> Decision {
      events::Change change = ChangeOf(view);
      absl::Status status = Transition(change, v1::Job::QUEUED, "the server was restarted", clock_.Now());
      if (!status.ok()) return status;
      return change;
    });
    if (!applied.ok()) return applied.status();
  }
  return AllJobs({.states = {v1::Job::QUEUED}});
}

absl::Status Jobs::CheckQuota(const std::string& owner, int64_t steps, int max_active_jobs) {
  if (quotas_ != nullptr) {
    if (absl::Status status = quotas_->CheckNewJob(owner, steps); !status.ok()) return status;
  }
  if (absl::Status status = CheckDisk(0); !status.ok()) return status;
  return CheckActive(owner, max_active_jobs);
}

absl::Status Jobs::CheckActive(const std::string& owner, int max_active_jobs) {
  const absl::StatusOr<store::UsageRow> all = store_.GetUsageOfAll();
  if (!all.ok()) return all.status();
  const int64_t left = max_active_jobs - all->running_jobs - all->queued_jobs;
  int64_t own = 0;
  if (!owner.empty()) {
    const absl::StatusOr<store::UsageRow> usage = store_.GetUsage(owner);
    if (!usage.ok()) return usage.status();
    own = usage->running_jobs + usage->queued_jobs;
  }
  if (own < left) return absl::OkStatus();
  const std::string message =
      left > 0
          ? absl::StrCat(own, " of your jobs have not ended, and what is left of the ", max_active_jobs,
                         " on this server is for others too: wait for one of yours to end or cancel one")
          : absl::StrCat(max_active_jobs, " jobs have not ended, which is all that this server takes: wait for one to end or cancel one");
  absl::Status status = WithReason(absl::ResourceExhaustedError(message), "TOO_MANY_ACTIVE_JOBS");
  google::rpc::QuotaFailure failure;
  failure.add_violations()->set_subject("limits.max_active_jobs");
  failure.mutable_violations(0)->set_description(message);
  status.SetPayload("type.googleapis.com/google.rpc.QuotaFailure", absl::Cord(failure.SerializeAsString()));
  return WithRetry(std::move(status), kActiveRetry);
}

absl::StatusOr<std::optional<v1::Job>> Jobs::FindRequested(const std::string& requester, const std::string& request_id,
                                                           const std::string& request_hash) {
  if (request_id.empty()) return std::nullopt;
  const auto request = store_.FindRequest(requester, request_id);
  if (!request.ok()) return request.status();
  if (!request->has_value()) return std::nullopt;
  const std::string& job_id = (*request)->job_id;
  if ((*request)->request_hash == request_hash) return Get(Scope::Everyone(), job_id);
  return WithReason(absl::AlreadyExistsError(absl::StrCat("request_id '", request_id, "' was used for another job, ", JobName(job_id))),
                    "REQUEST_ID_REUSED", {{"job", JobName(job_id)}});
}

absl::StatusOr<v1::Job> Jobs::CreateWithinQuota(v1::Job job, const Requested& requested, int max_active_jobs) {
  const int given_steps = job.progress().total_steps();
  const int steps = given_steps > 0 ? given_steps : StepsOf(job.spec().schedule());
  absl::Status status = CheckQuota(job.owner(), steps - job.fork_origin().step(), max_active_jobs);
  if (!status.ok()) return status;
  const absl::Time now = clock_.Now();
  events::Change change;
  change.job = std::move(job);
  change.job.set_name(JobName(NewId()));
  change.job.clear_state();
  *change.job.mutable_create_time() = events::ToTimestamp(now);
  change.job.clear_progress();
  change.job.mutable_progress()->set_total_steps(steps);
  status = Transition(change, v1::Job::QUEUED, "created", now);
  if (status.ok() && change.job.has_fork_origin()) status = ShareSteps(change);
  if (!status.ok()) return status;
  const std::optional<store::Fork> fork = change.fork;
  absl::StatusOr<v1::Job> created = log_.Create(std::move(change), requested.by, requested.id, requested.hash);
  if (absl::IsNotFound(created.status())) return WithReason(created.status(), "RESOURCE_NOT_FOUND");
  if (fork.has_value() && absl::IsFailedPrecondition(created.status())) return CheckpointNotKept(fork->parent_id, fork->last_step);
  return created;
}

absl::StatusOr<v1::Job> Jobs::CreateOnce(v1::Job job, const Requested& requested, int max_active_jobs) {
  absl::StatusOr<v1::Job> created;
  {
    absl::MutexLock lock(&create_mutex_);
    absl::StatusOr<std::optional<v1::Job>> before = FindRequested(requested.by, requested.id, requested.hash);
    if (!before.ok()) return before.status();
    if (before->has_value()) return **std::move(before);
    created = CreateWithinQuota(std::move(job), requested, max_active_jobs);
  }
  if (created.ok()) TellQueued(*created);
  return created;
}

absl::StatusOr<v1::Job> Jobs::Create(v1::Job job, const std::string& owner, const std::string& request_id, const std::string& request_hash,
                                     int max_active_jobs) {
  job.set_owner(owner);
  job.clear_fork_origin();
  return CreateOnce(std::move(job), {owner, request_id, request_hash}, max_active_jobs);
}

absl::StatusOr<v1::Job> Jobs::Get(const Scope& scope, const std::string& job_id) {
  absl::StatusOr<events::JobView> view = View(scope, job_id);
  if (!view.ok()) return view.status();
  return std::move(view->job);
}

absl::StatusOr<Jobs::Page> Jobs::List(const Scope& scope, store::JobQuery query) {
  if (query.owner.has_value() && !scope.Sees(*query.owner)) return Page{};
  if (scope.owner().has_value()) query.owner = scope.owner();
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

absl::StatusOr<v1::Job> Jobs::EvenOnAFullDisk(absl::FunctionRef<absl::StatusOr<v1::Job>()> command) {
  if (disk_ == nullptr) return command();
  absl::StatusOr<v1::Job> answer;
  const absl::Status status = disk_->Free([&] {
    answer = command();
    return answer.status();
  });
  return answer;
}

absl::StatusOr<v1::Job> Jobs::Cancel(const Scope& scope, const std::string& job_id, const std::string& etag) {
  return EvenOnAFullDisk([&] { return CancelOnce(scope, job_id, etag); });
}

absl::StatusOr<v1::Job> Jobs::CancelOnce(const Scope& scope, const std::string& job_id, const std::string& etag) {
  absl::StatusOr<Applied> applied = Apply(scope, job_id, [&](const events::JobView& view) -> Decision {
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
  if (applied->changed && listener_ != nullptr) listener_->OnStopRequested(job_id, applied->job.progress().last_sequence());
  return std::move(applied->job);
}

absl::StatusOr<std::unique_ptr<events::Watch>> Jobs::StartWatch(const Scope& scope, const std::string& job_id, int64_t after_sequence,
                                                                bool inner_progress, std::function<void()> wake) {
  if (const absl::StatusOr<events::JobView> view = View(scope, job_id); !view.ok()) return view.status();
  return log_.StartWatch(job_id, after_sequence, inner_progress, std::move(wake));
}

}  // namespace sliceflow::jobs
