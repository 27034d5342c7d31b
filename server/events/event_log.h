// The event log: append, read from a sequence, and the hub that wakes watchers. Events are durable before anyone sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "server/store/blob_store.h"
#include "server/store/store.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::events {

using EventPtr = std::shared_ptr<const v1::JobEvent>;

// A job's projection as Get and List read it, with the version that a commit must name.
struct JobView {
  v1::Job job;
  int64_t version = 0;
  int64_t number = 0;
  int worker_failures = 0;  // workers lost in a row without a new step
};

// A durable change of a job. `events` get their sequence, and `job` its progress.last_sequence and etag, from the log. An event without a
// time gets the log's.
struct Change {
  v1::Job job;
  int64_t version = 0;
  int worker_failures = 0;
  std::vector<v1::JobEvent> events;
  std::optional<store::StepRow> step;  // its sequence is that of the first StepCompleted among `events`, if there is one
  std::vector<int> dropped_checkpoints;
  int64_t drop_events_before = 0;   // events below this sequence are dropped, and the samples of their steps; 0: none
  std::optional<store::Fork> fork;  // of a new job; its first event is followed by those of the steps it shares
};

// A watcher's place in one job's log. It costs a cursor, not memory: events are decoded once and shared. Thread-safe.
class Watch {
 public:
  virtual ~Watch() = default;

  struct Batch {
    std::vector<EventPtr> events;         // durable ones, in order, after what was returned before
    EventPtr progress;                    // the newest inner progress since the last call, if any
    std::optional<int64_t> compacted_to;  // set when what was asked for is no longer kept: the earliest sequence that is, and
                                          // where `events` goes on
    bool ended = false;                   // the last event of a job in a final state has been returned
  };
  // What there is now, at most `limit` events (at least 1) and about 1 MiB; empty when there is nothing new, and only then is the next
  // event sure to wake. May be called from `wake`. Never blocks on other watchers. NotFound once the job is deleted.
  virtual absl::StatusOr<Batch> Next(int limit) = 0;
};

// Thread-safe.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Adds a job with its first events. AlreadyExists when the request id was used.
  virtual absl::StatusOr<v1::Job> Create(Change change, const std::string& owner, const std::string& request_id,
                                         const std::string& request_hash) = 0;
  // Appends in one transaction with the job's new projection, then wakes watchers. Aborted when the version has moved on.
  virtual absl::StatusOr<v1::Job> Append(Change change) = 0;
  virtual absl::StatusOr<JobView> Get(const std::string& job_id) = 0;
  virtual absl::StatusOr<std::vector<JobView>> List(const store::JobQuery& query) = 0;
  virtual absl::Status Delete(const std::string& job_id, int64_t version) = 0;

  // Not stored: the newest replaces the older, and at most one a job is shown in each EventLogOptions::progress_interval. What has not been
  // seen when its step is completed is dropped.
  virtual void PublishProgress(const std::string& job_id, const v1::InnerProgress& progress) = 0;

  // Watches a job after a sequence. `wake` is called on the thread of the hub, never under a lock of the log, when Next may have something,
  // and must not block; calls that come while one is pending are merged. It is called once at the start. After the Watch is destroyed it is
  // not called again (destruction waits for a running call, so do not destroy from within `wake`). NotFound; InvalidArgument beyond the
  // newest sequence.
  virtual absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const std::string& job_id, int64_t after_sequence, bool inner_progress,
                                                            std::function<void()> wake) = 0;

  // Who watches now, and how far the one furthest behind is: events of its job that it has not been given.
  struct WatchFigures {
    int64_t watchers = 0;
    int64_t longest_lag = 0;
  };
  virtual WatchFigures watch_figures() = 0;
};

struct EventLogOptions {
  int tail_events = 512;         // newest events of a job kept decoded
  int64_t tail_bytes = 1 << 20;  // and their serialized size
  int tail_jobs = 256;           // jobs that have such a tail; the least recently used goes
  absl::Duration progress_interval = absl::Milliseconds(200);
  // Told of each durable change of a job after it was committed, on the thread that made it, under no lock of the log; calls for one job
  // may come out of order, and are short. May be empty.
  std::function<void(const v1::Job& job, const std::vector<EventPtr>& events)> observer;
};

// `store` and `clock` must outlive the log, and the log every Watch.
std::unique_ptr<EventLog> MakeEventLog(store::Store& store, Clock& clock, EventLogOptions options = {});
// With the real time.
std::unique_ptr<EventLog> MakeEventLog(store::Store& store);

// Ids of the data sets that a specification refers to, each once.
std::vector<std::string> DatasetsOf(const v1::FlowSpec& spec);

}  // namespace sliceflow::events
