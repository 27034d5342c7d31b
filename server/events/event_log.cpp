#include "server/events/event_log.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/errors.h"
#include "common/ids.h"
#include "server/events/hub.h"
#include "server/events/projection.h"
#include "server/events/tail_cache.h"

namespace sliceflow::events {
namespace {

constexpr int64_t kMaxBatchBytes = 1 << 20;
constexpr int kMaxBatchEvents = 1000;
constexpr size_t kStripes = 64;

absl::Status JobNotFound(const std::string& job_id) { return ResourceNotFound("sliceflow.dev/Job", JobName(job_id)); }

// NotFound of the store with the details that users get; everything else as it is.
absl::Status Explain(absl::Status status, const std::string& job_id) { return absl::IsNotFound(status) ? JobNotFound(job_id) : status; }

std::vector<EventPtr> Share(std::vector<v1::JobEvent> events) {
  std::vector<EventPtr> shared;
  for (v1::JobEvent& event : events) shared.push_back(std::make_shared<const v1::JobEvent>(std::move(event)));
  return shared;
}

// Where a watcher is.
class LogWatch final : public Watch {
 public:
  LogWatch(store::Store& store, TailCache& tails, Hub& hub, std::string job_id, int64_t after, Hub::WatcherPtr watcher)
      : store_(store), tails_(tails), hub_(hub), job_id_(std::move(job_id)), cursor_(after), watcher_(std::move(watcher)) {}
  ~LogWatch() override { hub_.Leave(watcher_); }

  absl::StatusOr<Batch> Next(int limit) override {
    absl::MutexLock lock(&mutex_);
    const Hub::View view = hub_.Look(watcher_);
    if (view.deleted) return JobNotFound(job_id_);
    Batch batch;
    if (cursor_ < view.newest) {
      absl::Status status = ReadEvents(view, std::clamp(limit, 1, kMaxBatchEvents), batch);
      if (!status.ok()) return status;
    }
    hub_.SetCursor(watcher_, cursor_);
    if (cursor_ < view.newest) return batch;
    batch.ended = view.final;
    batch.progress = hub_.TakeProgress(watcher_);
    return batch;
  }

 private:
  absl::Status ReadEvents(const Hub::View& view, int limit, Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::optional<std::vector<EventPtr>> events = tails_.Read(job_id_, cursor_, limit, kMaxBatchBytes);
    if (!events.has_value()) {
      absl::StatusOr<std::vector<EventPtr>> stored = ReadStored(limit);
      if (!stored.ok()) return stored.status();
      events = *std::move(stored);
      tails_.Offer(job_id_, *events);
    }
    // Nothing at all before the newest: deleted since the look above, or all dropped by retention.
    if (events->empty() && absl::IsNotFound(store_.GetJob(job_id_).status())) return JobNotFound(job_id_);
    const int64_t first = events->empty() ? view.newest + 1 : events->front()->sequence();
    if (first != cursor_ + 1) batch.compacted_to = first;
    cursor_ = events->empty() ? view.newest : events->back()->sequence();
    batch.events = *std::move(events);
    return absl::OkStatus();
  }

  // Up to the first gap, so that each gap begins a batch.
  absl::StatusOr<std::vector<EventPtr>> ReadStored(int limit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto rows = store_.ReadEvents(job_id_, cursor_, limit, kMaxBatchBytes);
    if (!rows.ok()) return rows.status();
    std::vector<EventPtr> events;
    for (const store::EventRow& row : *rows) {
      if (!events.empty() && row.sequence != events.back()->sequence() + 1) break;
      absl::StatusOr<EventPtr> event = DecodeEvent(row);
      if (!event.ok()) return event.status();
      events.push_back(*std::move(event));
    }
    return events;
  }

  store::Store& store_;
  TailCache& tails_;
  Hub& hub_;
  const std::string job_id_;
  absl::Mutex mutex_;
  int64_t cursor_ ABSL_GUARDED_BY(mutex_);  // the sequence returned last
  const Hub::WatcherPtr watcher_;
};

class StoredEventLog final : public EventLog {
 public:
  StoredEventLog(store::Store& store, Clock& clock, const EventLogOptions& options)
      : store_(store), clock_(clock), observer_(options.observer), tails_(options), hub_(options.progress_interval) {}

  absl::StatusOr<v1::Job> Create(Change change, const std::string& owner, const std::string& request_id,
                                 const std::string& request_hash) override {
    store::JobCommit commit = MakeCommit(change, clock_);
    absl::Status status = store_.CreateJob(std::move(commit), owner, request_id, request_hash);
    if (!status.ok()) return status;
    const std::vector<EventPtr> events = Share(std::move(change.events));
    tails_.Append(JobId(change.job), events);
    // What a fork shares happened to its parent, and was seen then.
    Observe(change.job, change.fork.has_value() ? std::vector<EventPtr>{events.front()} : events);
    return std::move(change.job);
  }

  absl::StatusOr<v1::Job> Append(Change change) override {
    const std::string job_id = JobId(change.job);
    const store::JobCommit commit = MakeCommit(change, clock_);
    const bool step_done = std::any_of(change.events.begin(), change.events.end(), [](const auto& e) { return e.has_step_completed(); });
    const std::vector<EventPtr> events = Share(std::move(change.events));
    {
      // Held from commit to publication, so that tail and hub see a job's events in their order.
      absl::MutexLock lock(&StripeOf(job_id));
      absl::Status status = store_.Commit(commit);
      if (!status.ok()) return Explain(status, job_id);
      if (change.drop_events_before > 0) tails_.Drop(job_id);
      tails_.Append(job_id, events);
      hub_.Publish(job_id, commit.row.last_sequence, IsFinal(commit.row.state), step_done);
    }
    Observe(change.job, events);
    return std::move(change.job);
  }

  absl::StatusOr<JobView> Get(const std::string& job_id) override {
    const absl::StatusOr<store::JobRow> row = store_.GetJob(job_id);
    if (!row.ok()) return Explain(row.status(), job_id);
    return ViewOf(*row);
  }

  absl::StatusOr<std::vector<JobView>> List(const store::JobQuery& query) override {
    const absl::StatusOr<std::vector<store::JobRow>> rows = store_.ListJobs(query);
    if (!rows.ok()) return rows.status();
    std::vector<JobView> views;
    for (const store::JobRow& row : *rows) {
      absl::StatusOr<JobView> view = ViewOf(row);
      if (!view.ok()) return view.status();
      views.push_back(*std::move(view));
    }
    return views;
  }

  absl::Status Delete(const std::string& job_id, int64_t version) override {
    absl::MutexLock lock(&StripeOf(job_id));
    absl::Status status = store_.DeleteJob(job_id, version);
    if (!status.ok()) return Explain(status, job_id);
    tails_.Drop(job_id);
    hub_.Close(job_id);
    return absl::OkStatus();
  }

  void PublishProgress(const std::string& job_id, const v1::InnerProgress& progress) override {
    auto event = std::make_shared<v1::JobEvent>();
    *event->mutable_time() = ToTimestamp(clock_.Now());
    *event->mutable_inner_progress() = progress;
    hub_.PublishProgress(job_id, std::move(event));
  }

  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const std::string& job_id, int64_t after_sequence, bool inner_progress,
                                                    std::function<void()> wake) override {
    absl::MutexLock lock(&StripeOf(job_id));
    const absl::StatusOr<store::JobRow> row = store_.GetJob(job_id);
    if (!row.ok()) return Explain(row.status(), job_id);
    if (after_sequence < 0 || after_sequence > row->last_sequence) {
      FieldViolations violations;
      violations.Add("after_sequence",
                     absl::StrCat("must be between 0 and the job's newest sequence ", row->last_sequence, ", but is ", after_sequence));
      return violations.ToStatus();
    }
    Hub::WatcherPtr watcher = hub_.Join(job_id, row->last_sequence, IsFinal(row->state), inner_progress, std::move(wake));
    hub_.SetCursor(watcher, after_sequence);
    return std::make_unique<LogWatch>(store_, tails_, hub_, job_id, after_sequence, std::move(watcher));
  }

  WatchFigures watch_figures() override { return hub_.figures(); }

 private:
  void Observe(const v1::Job& job, const std::vector<EventPtr>& events) const {
    if (observer_) observer_(job, events);
  }

  absl::Mutex& StripeOf(const std::string& job_id) { return stripes_[absl::HashOf(job_id) % kStripes]; }

  store::Store& store_;
  Clock& clock_;
  const std::function<void(const v1::Job&, const std::vector<EventPtr>&)> observer_;
  TailCache tails_;
  std::array<absl::Mutex, kStripes> stripes_;  // a job's changes one after another
  Hub hub_;
};

}  // namespace

std::unique_ptr<EventLog> MakeEventLog(store::Store& store, Clock& clock, EventLogOptions options) {
  return std::make_unique<StoredEventLog>(store, clock, options);
}

std::unique_ptr<EventLog> MakeEventLog(store::Store& store) {
  static Clock& real = *new Clock;
  return MakeEventLog(store, real);
}

}  // namespace sliceflow::events
